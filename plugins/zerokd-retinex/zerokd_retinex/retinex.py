"""A tiny Retinex enhancer: the photo divided by an estimate of its light."""

from __future__ import annotations

from typing import Literal, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import zerokd
from zerokd import Model, Signal


@final
class Retinex(Model):
    r"""Estimates the illumination $x$ of a photo $y$; the reflectance is $y / x$, the enhanced image $y / x^s$.

    A small residual network $h$ estimates the light beyond the photo itself:

    Formula: $x = f + (1 - f)\,(y + (1 - y)\,\mathrm{sigmoid}\,h(y))$, $f$ the ``floor``.

    So $x$ lies between $y$ and 1 whatever the weights are: reflectance and enhanced image stay in [0, 1] without
    clipping, no pixel gets darker, white stays white, and no pixel is multiplied by more than $f^{-s}$.
    Source: SCI (Ma et al.: Toward Fast, Flexible, and Robust Low-Light Image Enhancement, CVPR 2022), the network that
    it runs after training; $s$, the ``strength``, is the exponent of LIME (Guo et al., TIP 2017), with its value 0.8.
    *Differs:* the published $x$ is $y$ plus a sigmoid, clipped to [1e-4, 1], and for each colour by itself, which
    pales colours; with ``channels = 1`` all colours share one, $y$ being their greatest, and ratios of colours stay.
    There is no normalisation over the batch, and none of the calibration that the paper trains beside it.

    Example:
        >>> model = Retinex()
        >>> model.parameter_count()
        445
        >>> outputs = model(torch.rand(1, 3, 1, 7))
        >>> sorted(outputs), outputs["illumination"].shape
        (['enhanced', 'illumination', 'reflectance'], torch.Size([1, 3, 1, 7]))
    """

    class Config(zerokd.Config):
        width: int = Field(4, ge=1, le=512, description="channels of each hidden layer")
        channels: Literal[1, 3] = Field(1, description="illuminations: one for all colours, or one for each")
        strength: float = Field(0.8, ge=0.0, le=1.0, description="share of the darkness to remove, in stops")
        floor: float = Field(0.02, gt=0.0, lt=1.0, description="least illumination; 1/floor bounds the brightening")

    def __init__(self, **options: object):
        super().__init__(**options)
        width = self.config.width
        self.enter = _make_convolution(3, width)
        self.near = _make_convolution(width, width, dilation=2)
        self.far = _make_convolution(width, width, dilation=4)
        self.leave = _make_convolution(width, self.config.channels)
        with torch.no_grad():
            self.leave.weight *= 0.1  # every sigmoid starts near its middle, where its slope is greatest

    def outputs(self) -> dict[str, Signal]:
        return {
            "enhanced": Signal(range=(0.0, 1.0)),
            "illumination": Signal(range=(self.config.floor, 1.0), unchanged=1.0),
            "reflectance": Signal(range=(0.0, 1.0)),
        }

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        illumination = self._estimate_illumination(low)
        return {
            "enhanced": low / illumination**self.config.strength,
            "illumination": illumination,
            "reflectance": low / illumination,
        }

    def _estimate_illumination(self, low: Tensor) -> Tensor:
        x = F.silu(self.enter(low))
        x = x + F.silu(self.near(x))
        x = x + F.silu(self.far(x))
        lower = low if self.config.channels == 3 else low.amax(dim=1, keepdim=True)
        light = lower + (1 - lower) * torch.sigmoid(self.leave(x))
        return (self.config.floor + (1 - self.config.floor) * light).expand_as(low)


def _make_convolution(inputs: int, outputs: int, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution with replicated borders: zero padding would leave a dark frame."""
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, padding_mode="replicate")
