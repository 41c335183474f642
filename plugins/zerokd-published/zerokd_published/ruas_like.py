"""RUAS: an unrolled estimate of the illumination."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import zerokd
from zerokd import Model, Signal
from zerokd_published.near_identity import start_near_identity

SLOPE = 0.05  # of the leaky ReLU below 0, the published value


@final
class RuasLike(Model):
    r"""Each stage estimates the illumination from a warm start by a network of its own; the last divides the image.

    Formula: $t_k = \max(f, \sigma(N_k(\hat t_k)))$ and $u_k = \min(1, y / t_k)$, $\hat t_0 = m(y)$ and
    $\hat t_k = m(u_{k-1}) - \frac12 (u_{k-1} - y)$; $m$ the maximum of each window of 2x2, $f$ the ``floor``.
    The second part of $\hat t_k$ pulls overexposed stages back: where $u$ is much brighter than $y$, it is lowered.
    Source: Liu et al.: Retinex-inspired Unrolling with Cooperative Prior Architecture Search (RUAS, CVPR 2021), its
    illumination part, and its released code. *Differs:* two 3x3 convolutions are the network of a stage, instead of a
    searched cell of seven operations; the last pixel repeats beyond the border; and there is no part that denoises.

    Example:
        >>> model = RuasLike()
        >>> model.parameter_count()
        999
        >>> model(torch.rand(1, 3, 5, 8))["illumination"].shape
        torch.Size([1, 3, 5, 8])
    """

    class Config(zerokd.Config):
        stages: int = Field(3, ge=1, le=16, description="number of unrolled steps")
        width: int = Field(6, ge=1, le=256, description="channels of the hidden layer of each stage")
        floor: float = Field(0.001, gt=0.0, lt=1.0, description="least illumination; 1/floor bounds the brightening")

    def __init__(self, **options: object):
        super().__init__(**options)
        self.cells = nn.ModuleList(_make_cell(self.config.width) for _ in range(self.config.stages))

    def outputs(self) -> dict[str, Signal]:
        light = Signal(range=(self.config.floor, 1.0), unchanged=1.0)
        return {"enhanced": Signal(range=(0.0, 1.0)), "illumination": light}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        start = _greatest_near(low)
        for index, cell in enumerate(self.cells):
            illumination = torch.sigmoid(cell(start)).clamp(min=self.config.floor)
            enhanced = (low / illumination).clamp(max=1.0)
            if index + 1 < self.config.stages:
                start = _greatest_near(enhanced) - (enhanced - low) / 2
        return {"enhanced": enhanced, "illumination": illumination}


def _greatest_near(image: Tensor) -> Tensor:
    """The maximum over each pixel, its right and lower neighbour, and the one between those."""
    return F.max_pool2d(F.pad(image, (0, 1, 0, 1), mode="replicate"), 2, stride=1)


def _make_cell(width: int) -> nn.Sequential:
    convolutions = [nn.Conv2d(*ends, 3, padding=1, padding_mode="replicate") for ends in ((3, width), (width, 3))]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight)
        nn.init.zeros_(convolution.get_parameter("bias"))
    start_near_identity(convolutions)
    return nn.Sequential(convolutions[0], nn.LeakyReLU(SLOPE), convolutions[1])
