"""NanoDCE: the student."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Model, Signal
from zerokd.models.le_curve import le_curve
from zerokd.models.separable_conv import SeparableConv

ACTIVATION_MARGIN = 0.01  # the initial lower bound of every hidden pre-activation


@final
class NanoDce(Model):
    """Three depthwise-separable layers estimate one curve map, which is applied 4 times. Each output pixel sees 7x7.

    Every ReLU starts open: biases are set so that no input in [0, 1] gives a hidden pre-activation below a margin. With
    four channels a single dead one costs a quarter of the network, and usual initialisations leave two or three dead.
    Source: the simplified student of the documented system; its released checkpoint loads by name.

    Example:
        >>> model = NanoDce()
        >>> sum(weight.numel() for weight in model.parameters())
        161
        >>> model(torch.rand(1, 3, 5, 8))["curve_map"].shape
        torch.Size([1, 3, 5, 8])
    """

    class Config(zerokd.Config):
        width: int = Field(4, ge=1, le=512, description="channels of each hidden layer")
        iterations: int = Field(4, ge=1, le=32, description="number of curve iterations")

    gated = ("e_conv1", "e_conv2")

    def __init__(self, **options: object):
        super().__init__(**options)
        width = self.config.width
        self.e_conv1 = SeparableConv(3, width)
        self.e_conv2 = SeparableConv(width, width)
        self.e_conv3 = SeparableConv(width, 3)
        self._initialize_weights()

    def outputs(self) -> dict[str, Signal]:
        return {
            "enhanced": Signal(range=(0.0, 1.0)),
            "curve_map": Signal(range=(-1.0, 1.0), iterations=self.config.iterations, unchanged=0.0),
        }

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        x = torch.relu(self.e_conv1(low))
        x = torch.relu(self.e_conv2(x))
        curve_map = torch.tanh(self.e_conv3(x))
        return {"enhanced": le_curve(low, curve_map, self.config.iterations), "curve_map": curve_map}

    @torch.no_grad()
    def _initialize_weights(self) -> None:
        self.e_conv3.point_conv.weight *= 0.1  # the map starts near 0, and the image nearly unchanged
        lower, upper = torch.zeros(3), torch.ones(3)
        for layer in (self.e_conv1, self.e_conv2):
            layer.point_conv.get_parameter("bias").add_(ACTIVATION_MARGIN - layer.output_bounds(lower, upper)[0])
            lower, upper = layer.output_bounds(lower, upper)
        least, most = self.e_conv3.output_bounds(lower, upper)
        self.e_conv3.point_conv.get_parameter("bias").sub_((least + most) / 2)
