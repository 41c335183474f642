"""LPIPS, as pyiqa computes it."""

from __future__ import annotations

import math
import warnings
from typing import Literal, final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Metric, Port
from zerokd_pyiqa.network import create_pyiqa_metric

LPIPS_WEIGHTS_HINT = "it needs ImageNet's weights and its own, once: run it online, or copy both caches (torch, pyiqa)"


@final
class Lpips(Metric):
    r"""Measures the distance of two images in the features of a network trained on objects; lower is better.

    Formula: $\sum_l \frac{1}{H_l W_l} \sum_{i,j} w_l^\top (\hat f^l_{ij} - \hat g^l_{ij})^2$,
    features of layer $l$ scaled to length 1 in each pixel, weights $w_l$ fitted to people's judgements.
    Returns: (N,), 0 or more, 0 exactly when the image equals its target.
    Scale: means over height and width of each layer, added over layers.
    Source: Zhang et al.: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018, as
    pyiqa computes it.
    Pitfalls: values of different networks (``net``) do not compare. Brightness counts less than people feel it.

    Example:
        >>> Lpips.better
        'lower'
    """

    class Config(zerokd.Config):
        net: Literal["alex", "vgg", "squeeze"] = Field("alex", description="the network whose features are compared")

    ports = {
        "image": Port("the image to measure", range=(0.0, 1.0), channels=3, default="student.enhanced"),
        "target": Port(
            "the image to compare with: teacher.enhanced, or reference",
            range=(0.0, 1.0),
            channels=3,
            like="image",
            example="reference",
        ),
    }
    better = "lower"
    bounds = (0.0, math.inf)
    best_on = ("identical",)
    worsens_with = ("noise", "blur")
    known_failures = {
        "no_host_sync": "pyiqa's own code reads values",
        "moves": "pyiqa's own code stays on the CPU",
    }

    def __init__(self, **options: object):
        super().__init__(**options)
        # in a tuple, so that .to() does not change its precision
        self._pyiqa_metric = (create_pyiqa_metric("lpips", LPIPS_WEIGHTS_HINT, net=self.config.net),)

    def min_size(self) -> int:
        return 64

    def forward(self, *, image: Tensor, target: Tensor) -> Tensor:
        pairs = zip(image.float(), target.float(), strict=True)
        with warnings.catch_warnings(action="ignore"):
            values = [self._pyiqa_metric[0](a[None], b[None]).reshape(()) for a, b in pairs]
        return torch.stack(values).to(image)
