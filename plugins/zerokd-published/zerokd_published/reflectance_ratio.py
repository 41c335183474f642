"""A reflectance that is the image divided by its illumination."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port


def reflectance_ratio(reflectance: Tensor, image: Tensor, illumination: Tensor, floor: float = 0.01) -> Tensor:
    """Mean squared difference between a reflectance and the image divided by its illumination, per image.

    Args:
        reflectance: (N, C, H, W) in [0, 1].
        image: the same shape and range.
        illumination: the same shape and range.
        floor: a smaller illumination counts as this.

    Returns:
        (N,), in [0, 1 / floor**2].
    """
    ratio = image.to(torch.promote_types(image.dtype, torch.float32)) / illumination.clamp(min=floor)
    return (reflectance - ratio).square().mean(dim=(1, 2, 3))


@final
class ReflectanceRatio(Loss):
    r"""Rewards the reflectance that the illumination implies, most of all in dark pixels.

    Formula: $\frac{1}{CHW}\sum (R - p / \max(L, f))^2$, $R$ the reflectance, $p$ the image, $L$ the illumination, which
    gets no gradient, $f$ the ``floor``.
    Returns: (N,), in [0, $1/f^2$], 0 exactly when the reflectance is that ratio.
    Scale: mean over channels, height and width. In a dark pixel it is $1/L^2$ times the error of $R L$.
    Source: PairLIE (Fu et al., CVPR 2023) and its released code. *Differs:* the floor; without it the value is NaN
    where image and illumination are 0.
    Pitfalls: where the illumination is less than the image, the ratio is above 1, which no reflectance reaches.

    Example:
        >>> image, light = torch.full((1, 3, 2, 2), 0.2), torch.full((1, 3, 2, 2), 0.4)
        >>> ReflectanceRatio()(reflectance=torch.ones(1, 3, 2, 2), image=image, illumination=light)
        tensor([0.2500])
    """

    class Config(zerokd.Config):
        floor: float = Field(0.01, gt=0.0, le=1.0, description="a smaller illumination counts as this")

    ports = {
        "reflectance": Port("the estimated reflectance", range=(0.0, 1.0), grad=True, default="student.reflectance"),
        "image": Port(
            "the image it is of", range=(0.0, 1.0), grad=True, default="student.projected", like="reflectance"
        ),
        "illumination": Port(
            "its estimated light", range=(0.0, 1.0), default="student.illumination", like="reflectance"
        ),
    }

    def forward(self, *, reflectance: Tensor, image: Tensor, illumination: Tensor) -> Tensor:
        return reflectance_ratio(reflectance, image, illumination, self.config.floor)
