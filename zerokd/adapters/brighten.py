"""Images under one tone curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Adapter, Signal
from zerokd.models.reinhard_curve import reinhard_curve

BISECTION_STEPS = 16
IMAGE_RANGE, IMAGE_CHANNELS = (0.0, 1.0), 3  # an input of a stage declares no range


@torch.no_grad()
def strength_for_mean(image: Tensor, mean: float, greatest: float) -> Tensor:
    """(N, 1, 1, 1): the strength at which the mean over pixels of the brightest channel becomes ``mean``.

    It is at most ``greatest``, and 0 for images (N, C, H, W) in [0, 1] that are brighter. Found by bisection.
    """
    value = image.amax(1, keepdim=True)
    weakest = torch.zeros_like(value[:, :, :1, :1])
    strongest = torch.full_like(weakest, greatest)
    for _ in range(BISECTION_STEPS):
        middle = (weakest + strongest) / 2
        is_dark = reinhard_curve(value, middle).mean((2, 3), keepdim=True) < mean
        weakest, strongest = torch.where(is_dark, middle, weakest), torch.where(is_dark, strongest, middle)
    return weakest


@final
class Brighten(Adapter):
    r"""Brightens every image by one tone curve, that of the last port's image: differences count as a viewer sees them.

    Formula: $x \mapsto \frac{x (1 + s)}{1 + s x}$, $s$ the strength at which the mean of the last image's brightest
    channel is ``mean``, at most ``greatest``.
    Source: this project. The curve: Reinhard et al., SIGGRAPH 2002.
    Pitfalls: an image that is dark everywhere reaches ``greatest`` before ``mean``.

    Example:
        >>> images = {"prediction": torch.full((1, 3, 1, 1), 0.2), "target": torch.full((1, 3, 1, 1), 0.1)}
        >>> brightened = Brighten(mean=0.5)(images)
        >>> [round(float(image[0, 0, 0, 0]), 2) for image in brightened.values()]
        [0.69, 0.5]
    """

    class Config(zerokd.Config):
        mean: float = Field(0.54, gt=0.0, lt=1.0, description="mean of the brightest channel afterwards")
        greatest: float = Field(60.0, gt=0.0, le=1000.0, description="greatest strength of the curve")

    example = ("student.enhanced", "teacher.enhanced")

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        others = [
            port
            for port, signal in signals.items()
            if signal.range not in (None, IMAGE_RANGE) or signal.shape[:1] != (IMAGE_CHANNELS,)
        ]
        if others:
            raise ValueError(
                f"brighten needs RGB images in [0, 1], and {', '.join(others)} is not one; bind an image to it"
            )
        return dict(signals)

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        *_, target = tensors.values()
        strength = strength_for_mean(target, self.config.mean, self.config.greatest)
        return {port: reinhard_curve(image, strength) for port, image in tensors.items()}
