"""Zero-DCE++: the teacher."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

import zerokd
from zerokd import Model, Signal
from zerokd.models.le_curve import le_curve
from zerokd.models.separable_conv import SeparableConv


@final
class ZeroDcePp(Model):
    """Seven depthwise-separable layers with U-Net-like skips estimate one curve map, which is applied 8 times.

    With ``scale_factor`` the map is estimated on a smaller copy of the image and enlarged, so that large images cost
    little. Weights start after He et al. with biases 0, the last layer's as N(0, 0.02), so that the image starts nearly
    unchanged; N(0, 0.02) everywhere, as released, leaves half of the ReLUs dead.
    Source: Li, Guo, Loy: Learning to Enhance Low-Light Image via Zero-Reference Deep Curve Estimation, TPAMI 2021,
    and its released code, whose checkpoints load by name. *Differs:* any image size is accepted, where the released
    code needs one that ``scale_factor`` divides; and the initialisation.

    Example:
        >>> model = ZeroDcePp(scale_factor=12)
        >>> sum(weight.numel() for weight in model.parameters())
        10561
        >>> model(torch.rand(1, 3, 30, 7))["enhanced"].shape
        torch.Size([1, 3, 30, 7])
    """

    class Config(zerokd.Config):
        width: int = Field(32, ge=1, le=512, description="channels of each hidden layer")
        iterations: int = Field(8, ge=1, le=32, description="number of curve iterations")
        scale_factor: int = Field(1, ge=1, le=64, description="estimates the map at 1/scale_factor of the size")

    gated = ("e_conv1", "e_conv2", "e_conv3", "e_conv4", "e_conv5", "e_conv6")

    def __init__(self, **options: object):
        super().__init__(**options)
        width = self.config.width
        self.e_conv1 = SeparableConv(3, width)
        self.e_conv2 = SeparableConv(width, width)
        self.e_conv3 = SeparableConv(width, width)
        self.e_conv4 = SeparableConv(width, width)
        self.e_conv5 = SeparableConv(2 * width, width)
        self.e_conv6 = SeparableConv(2 * width, width)
        self.e_conv7 = SeparableConv(2 * width, 3)
        self._initialize_weights()

    def outputs(self) -> dict[str, Signal]:
        return {
            "enhanced": Signal(range=(0.0, 1.0)),
            "curve_map": Signal(range=(-1.0, 1.0), iterations=self.config.iterations, unchanged=0.0),
        }

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        size, scale = low.shape[-2:], self.config.scale_factor
        if scale == 1:
            curve_map = self._estimate_curve_map(low)
        else:
            interior = [max(1, side // scale) for side in size]
            small = F.interpolate(low, size=interior, mode="bilinear", align_corners=False)
            curve_map = F.interpolate(self._estimate_curve_map(small), size=size, mode="bilinear", align_corners=True)
        return {"enhanced": le_curve(low, curve_map, self.config.iterations), "curve_map": curve_map}

    def _initialize_weights(self) -> None:
        for layer in (module for module in self.modules() if isinstance(module, SeparableConv)):
            nn.init.kaiming_normal_(layer.depth_conv.weight, nonlinearity="linear")
            nn.init.kaiming_normal_(layer.point_conv.weight, nonlinearity="relu")
            nn.init.zeros_(layer.depth_conv.get_parameter("bias"))
            nn.init.zeros_(layer.point_conv.get_parameter("bias"))
        nn.init.normal_(self.e_conv7.point_conv.weight, 0.0, 0.02)

    def _estimate_curve_map(self, x: Tensor) -> Tensor:
        x1 = torch.relu(self.e_conv1(x))
        x2 = torch.relu(self.e_conv2(x1))
        x = torch.relu(self.e_conv3(x2))
        x = torch.cat([x, torch.relu(self.e_conv4(x))], 1)  # frees the last x: at 32 channels each tensor is large
        x = torch.cat([x2, torch.relu(self.e_conv5(x))], 1)
        x = torch.cat([x1, torch.relu(self.e_conv6(x))], 1)
        return torch.tanh(self.e_conv7(x))
