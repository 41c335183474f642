"""PairLIE: three networks project an image, estimate its light, and estimate its reflectance."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, final

import torch
from pydantic import Field
from torch import Tensor, nn

import zerokd
from zerokd import Model, Signal
from zerokd_published.near_identity import start_near_identity


@final
class PairLie(Model):
    r"""Decomposes a projection $p$ of the image into illumination $L$ and reflectance $R$; the result is $L^\lambda R$.

    Formula: $p = \sigma(P(y))$, $L = f + (1 - f)\,\sigma(L(p))$ of one channel, $R = \sigma(R(p))$, $f$ the ``floor``,
    each network five 3x3 convolutions with ReLUs between them.
    ``recomposed`` is $L R$, which training makes equal to the projection. The projection may drop what contradicts a
    decomposition, such as noise.
    Source: Fu et al.: Learning a Simple Low-light Image Enhancer from Paired Low-light Instances (PairLIE, CVPR 2023),
    and its released code, with its $\lambda = 0.2$. *Differs:* 16 channels instead of 64; borders are repeated, not
    mirrored, so that an image of one pixel works; the floor, without which $L^\lambda$ has an infinite slope at 0; and
    each network starts near $\sigma(5y - 2.5)$, which is near its input $y$, for from random weights it is long a blur.

    Example:
        >>> model = PairLie(width=2)
        >>> sorted(model(torch.rand(1, 3, 4, 7)))
        ['enhanced', 'illumination', 'projected', 'recomposed', 'reflectance']
    """

    class Config(zerokd.Config):
        width: int = Field(16, ge=1, le=256, description="channels of each hidden layer")
        strength: float = Field(
            0.2, ge=0.0, le=1.0, description="exponent of the illumination: 1 recomposes, 0 removes it"
        )
        floor: float = Field(0.01, gt=0.0, lt=1.0, description="least illumination")
        start: Literal["identity", "random"] = Field(
            "identity", description="initial networks: near their input, or random, as published"
        )

    def __init__(self, **options: object):
        super().__init__(**options)
        self.project, self.light, self.reflect = (
            _make_network(self.config.width, channels, self.config.start) for channels in (3, 1, 3)
        )
        self.gated = tuple(  # type: ignore[misc]
            f"{network}.{layer}" for network in ("project", "light", "reflect") for layer in range(0, 8, 2)
        )

    def outputs(self) -> dict[str, Signal]:
        return {
            "enhanced": Signal(range=(0.0, 1.0)),
            "projected": Signal(range=(0.0, 1.0)),
            "illumination": Signal(range=(self.config.floor, 1.0)),
            "reflectance": Signal(range=(0.0, 1.0)),
            "recomposed": Signal(range=(0.0, 1.0)),
        }

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        projected = torch.sigmoid(self.project(low))
        floor = self.config.floor
        illumination = (floor + (1 - floor) * torch.sigmoid(self.light(projected))).expand_as(low)
        reflectance = torch.sigmoid(self.reflect(projected))
        return {
            "enhanced": illumination**self.config.strength * reflectance,
            "projected": projected,
            "illumination": illumination,
            "reflectance": reflectance,
            "recomposed": illumination * reflectance,
        }


def _make_network(width: int, outputs: int, start: str) -> nn.Sequential:
    """Five convolutions, a ReLU after each but the last."""
    channels = [3, width, width, width, width, outputs]
    convolutions = [nn.Conv2d(*ends, 3, padding=1, padding_mode="replicate") for ends in pairwise(channels)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight)
        nn.init.zeros_(convolution.get_parameter("bias"))
    if start == "identity":
        start_near_identity(convolutions)
    return nn.Sequential(*(layer for convolution in convolutions for layer in (convolution, nn.ReLU())))[:-1]
