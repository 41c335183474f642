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

NIQE_WEIGHTS_HINT = 'give its file: weights = "niqe_modelparameters.mat", with mu_prisparam and cov_prisparam in it'
BLOCK_SIZE = 96  # pixels on a side of the blocks whose statistics are taken


@final
class Niqe(Metric):
    r"""Measures how far the statistics of a picture are from those of clean natural photos; lower is better.

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
            description='file of pristine statistics (.mat); "pyiqa" fetches its own on first use',
        )

    ports = {"image": Port("the picture that is measured", range=(0.0, 1.0), channels=3, default="student.enhanced")}
    better = "lower"
    bounds = (0.0, math.inf)
    known_failures = {
        "finite_values": "a picture without any contrast has no statistics: NaN",
        "bounds": "a picture without any contrast has no statistics: NaN",
        "no_host_sync": "pyiqa's own computation asks for values",
        "moves": "pyiqa's own computation stays on the processor",
    }

    def __init__(self, **options: object):
        super().__init__(**options)
        weights = self.config.weights
        given = {} if weights == "pyiqa" else {"pretrained_model_path": str(Path(weights).expanduser())}
        self._pyiqa_metric = (
            create_pyiqa_metric("niqe", NIQE_WEIGHTS_HINT, **given),
        )  # in a tuple: it stays in its own precision

    def min_size(self) -> int:
        return BLOCK_SIZE

    def forward(self, *, image: Tensor) -> Tensor:
        with warnings.catch_warnings(action="ignore"):
            return torch.stack([self._measure_image(one[None].float()) for one in image]).to(image)

    def _measure_image(self, image: Tensor) -> Tensor:
        try:
            found: Tensor = self._pyiqa_metric[0](image).reshape(())
        except torch.linalg.LinAlgError:  # no block has any contrast
            return image.new_tensor(math.nan)
        return found
