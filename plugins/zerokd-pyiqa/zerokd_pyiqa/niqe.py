"""NIQE, as pyiqa computes it."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Metric, Port
from zerokd_pyiqa.network import create_pyiqa_metric

NIQE_WEIGHTS_HINT = 'set its file: weights = "niqe_modelparameters.mat", with mu_prisparam and cov_prisparam'
BLOCK_SIZE = 96  # side of the blocks of its statistics, pixels


@final
class Niqe(Metric):
    r"""Measures the distance of an image's statistics from those of clean natural photos; lower is better.

    Formula: $\sqrt{(\nu_1 - \nu_2)^\top \left(\frac{\Sigma_1 + \Sigma_2}{2}\right)^{-1} (\nu_1 - \nu_2)}$,
    Gaussian fits of 36 features of local contrast, of 96x96 blocks of the luminance at two scales, here and over
    pristine photos.
    Returns: (N,), 0 or more; about 3 for a clean photo, more with noise, blur, or flat parts; NaN
    where nothing has any contrast.
    Scale: means over blocks, before the distance.
    Source: Mittal, Soundararajan, Bovik: Making a "Completely Blind" Image Quality Analyzer, IEEE SPL 2013, as pyiqa
    computes it, with its file of pristine statistics.
    Pitfalls: it measures noise more than anything a person looks for: smoothing lowers it. Sizes matter: compare the
    same photos at the same size. Implementations differ in the second digit.

    Example:
        >>> Niqe.better
        'lower'
    """

    class Config(zerokd.Config):
        weights: str = Field(
            "pyiqa",
            min_length=1,
            description='file of pristine statistics (.mat); "pyiqa" reads its own from its cache',
        )

    ports = {"image": Port("the image to measure", range=(0.0, 1.0), channels=3, default="student.enhanced")}
    better = "lower"
    bounds = (0.0, math.inf)
    known_failures = {
        "finite_values": "an image without contrast has no statistics: NaN",
        "bounds": "an image without contrast has no statistics: NaN",
        "no_host_sync": "pyiqa's own code reads values",
        "moves": "pyiqa's own code stays on the CPU",
    }

    def __init__(self, **options: object):
        super().__init__(**options)
        weights = self.config.weights
        pyiqa_options = {} if weights == "pyiqa" else {"pretrained_model_path": str(Path(weights).expanduser())}
        # in a tuple, so that .to() does not change its precision
        self._pyiqa_metric = (create_pyiqa_metric("niqe", NIQE_WEIGHTS_HINT, **pyiqa_options),)

    def min_size(self) -> int:
        return BLOCK_SIZE

    def forward(self, *, image: Tensor) -> Tensor:
        with warnings.catch_warnings(action="ignore"):
            return torch.stack([self._measure_image(single[None].float()) for single in image]).to(image)

    def _measure_image(self, image: Tensor) -> Tensor:
        try:
            value: Tensor = self._pyiqa_metric[0](image).reshape(())
        except torch.linalg.LinAlgError:  # no block has any contrast
            return image.new_tensor(math.nan)
        return value
