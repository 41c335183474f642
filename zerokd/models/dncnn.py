"""DnCNN: a plain convolutional denoiser."""

from __future__ import annotations

from itertools import pairwise
from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn

import zerokd
from zerokd import Model, Signal

LAST_LAYER_SCALE = 0.01  # of the usual initial weights


@final
class DnCnn(Model):
    """A few 3x3 convolutions estimate the noise, which is subtracted from the image.

    The last layer starts near 0, so that the untrained model nearly returns its input. There is no batch
    normalisation, whose output for an image depends on the others.
    Source: Zhang et al.: Beyond a Gaussian denoiser, IEEE TIP 2017, which has 17 layers of 64 channels and batch
    normalisation.

    Example:
        >>> model = DnCnn(depth=3, width=4)
        >>> sum(weight.numel() for weight in model.parameters())
        371
        >>> model(torch.rand(1, 3, 5, 8))["noise"].shape
        torch.Size([1, 3, 5, 8])
    """

    class Config(zerokd.Config):
        depth: int = Field(5, ge=2, le=32, description="number of convolutions")
        width: int = Field(16, ge=1, le=512, description="channels of each hidden layer")

    def __init__(self, **options: object):
        super().__init__(**options)
        channels = [3, *[self.config.width] * (self.config.depth - 1), 3]
        layers = [nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(channels)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.get_parameter("bias"))
        with torch.no_grad():
            layers[-1].weight *= LAST_LAYER_SCALE
        self.layers = nn.ModuleList(layers)
        self.gated = tuple(f"layers.{index}" for index in range(self.config.depth - 1))  # type: ignore[misc]

    def outputs(self) -> dict[str, Signal]:
        return {"enhanced": Signal(range=(0.0, 1.0)), "noise": Signal(unchanged=0.0)}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        noise = low
        for layer in self.layers[:-1]:
            noise = torch.relu(layer(noise))
        noise = self.layers[-1](noise)
        return {"enhanced": (low - noise).clamp(0.0, 1.0), "noise": noise}
