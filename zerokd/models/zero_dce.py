"""Zero-DCE: the network before Zero-DCE++, with a curve map for each iteration."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn

import zerokd
from zerokd import Model, Signal
from zerokd.models.le_curve import le_curve


@final
class ZeroDce(Model):
    r"""Seven 3x3 convolutions with U-Net-like skips estimate a curve map for each of 8 iterations, 24 channels in all.

    Formula: $x_n = x_{n-1} + a_n\,(x_{n-1}^2 - x_{n-1})$, $x_0$ the image, $a_n$ the three channels of iteration $n$.
    Source: Guo et al.: Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement, CVPR 2020, and its
    released code, whose checkpoints load by name. *Differs:* weights start after He et al. with biases 0, the last
    layer's as N(0, 0.005); N(0, 0.02) everywhere, as released, starts with maps that hardly depend on the image.
    Pitfalls: it has no ``curve_map``: its maps are applied once each, so they compare with no map that is iterated.

    Example:
        >>> model = ZeroDce()
        >>> model.parameter_count()
        79416
        >>> model(torch.rand(1, 3, 30, 7))["curve_maps"].shape
        torch.Size([1, 24, 30, 7])
    """

    class Config(zerokd.Config):
        width: int = Field(32, ge=1, le=512, description="channels of each hidden layer")
        iterations: int = Field(8, ge=1, le=32, description="number of curve iterations, each with three channels")

    gated = ("e_conv1", "e_conv2", "e_conv3", "e_conv4", "e_conv5", "e_conv6")

    def __init__(self, **options: object):
        super().__init__(**options)
        width = self.config.width
        self.e_conv1 = nn.Conv2d(3, width, 3, padding=1)
        self.e_conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.e_conv3 = nn.Conv2d(width, width, 3, padding=1)
        self.e_conv4 = nn.Conv2d(width, width, 3, padding=1)
        self.e_conv5 = nn.Conv2d(2 * width, width, 3, padding=1)
        self.e_conv6 = nn.Conv2d(2 * width, width, 3, padding=1)
        self.e_conv7 = nn.Conv2d(2 * width, 3 * self.config.iterations, 3, padding=1)
        for layer in self.children():
            nn.init.kaiming_normal_(layer.get_parameter("weight"), nonlinearity="relu")
            nn.init.zeros_(layer.get_parameter("bias"))
        nn.init.normal_(self.e_conv7.weight, 0.0, 0.005)

    def outputs(self) -> dict[str, Signal]:
        return {"enhanced": Signal(range=(0.0, 1.0)), "curve_maps": Signal(range=(-1.0, 1.0), unchanged=0.0)}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        x1 = torch.relu(self.e_conv1(low))
        x2 = torch.relu(self.e_conv2(x1))
        x = torch.relu(self.e_conv3(x2))
        x = torch.cat([x, torch.relu(self.e_conv4(x))], 1)
        x = torch.cat([x2, torch.relu(self.e_conv5(x))], 1)
        x = torch.cat([x1, torch.relu(self.e_conv6(x))], 1)
        curve_maps, enhanced = torch.tanh(self.e_conv7(x)), low
        for curve_map in curve_maps.chunk(self.config.iterations, 1):
            enhanced = le_curve(enhanced, curve_map, 1)
        return {"enhanced": enhanced, "curve_maps": curve_maps}
