"""A small U-Net: an encoder and a decoder with skips estimate what to add to the image."""

from __future__ import annotations

from itertools import pairwise
from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import zerokd
from zerokd import Model, Signal

SLOPE = 0.2  # of the leaky ReLU below 0: with few channels a dead one is a great loss
LAST_LAYER_SCALE = 0.01  # of the usual initial weights


@final
class UNet(Model):
    """Two 3x3 convolutions at each of ``depth`` + 1 resolutions; the decoder reads the encoder's features too.

    The change is a tanh, and its layer starts near 0, so that the untrained model nearly returns its input. There is no
    normalisation over the batch, whose output for an image depends on the others. Images of any size work: borders are
    repeated, in every layer and up to a multiple of 2**depth. ``attention`` multiplies the skips and the change by 1
    minus the image's greatest colour, so that dark regions change most, white stays white, and nothing is clipped at 1.
    Source: Ronneberger, Fischer, Brox: U-Net, MICCAI 2015, which has 64 to 1,024 channels, no change of an image, and
    crops; the attention: Jiang et al.: EnlightenGAN, IEEE TIP 2021.

    Example:
        >>> model = UNet(width=4, depth=2)
        >>> model.parameter_count()
        7547
        >>> model(torch.rand(1, 3, 5, 7))["enhanced"].shape
        torch.Size([1, 3, 5, 7])
    """

    class Config(zerokd.Config):
        width: int = Field(8, ge=1, le=256, description="channels at full resolution; each halving doubles them")
        depth: int = Field(2, ge=1, le=5, description="halvings of the resolution")
        attention: bool = Field(False, description="weigh skips and change by the darkness of the image")

    def __init__(self, **options: object):
        super().__init__(**options)
        widths = [self.config.width * 2**level for level in range(self.config.depth + 1)]
        self.encoder = nn.ModuleList(map(_make_pair, [3, *widths[:-1]], widths))
        self.decoder = nn.ModuleList(_make_pair(deep + wide, wide) for wide, deep in pairwise(widths))
        self.leave = nn.Conv2d(widths[0], 3, 1)
        with torch.no_grad():
            self.leave.weight *= LAST_LAYER_SCALE
            nn.init.zeros_(self.leave.get_parameter("bias"))

    def outputs(self) -> dict[str, Signal]:
        return {"enhanced": Signal(range=(0.0, 1.0)), "change": Signal(range=(-1.0, 1.0), unchanged=0.0)}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        height, width = low.shape[-2:]
        step = 2**self.config.depth
        x = F.pad(low, (0, -width % step, 0, -height % step), mode="replicate")
        change = self._estimate_change(x)[..., :height, :width]
        return {"enhanced": (low + change).clamp(0.0, 1.0), "change": change}

    def _estimate_change(self, image: Tensor) -> Tensor:
        """What to add to an image whose sides are multiples of 2**depth."""
        attention = 1 - image.amax(dim=1, keepdim=True) if self.config.attention else torch.ones_like(image[:, :1])
        skips: list[Tensor] = []
        x = self.encoder[0](image)
        for level, layers in enumerate(self.encoder[1:]):
            skips.append(x * F.avg_pool2d(attention, 2**level) if self.config.attention else x)
            x = layers(F.avg_pool2d(x, 2))
        for layers, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            x = layers(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return torch.tanh(self.leave(x)) * attention


def _make_pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        _make_convolution(inputs, outputs),
        nn.LeakyReLU(SLOPE),
        _make_convolution(outputs, outputs),
        nn.LeakyReLU(SLOPE),
    )


def _make_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution with replicated borders: zero padding would leave a frame."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")
