"""LiteIE: two convolutions, and an iteration without parameters."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

import zerokd
from zerokd import Model, Signal

NEGATIVE_SLOPE = 0.1


@final
class LiteIeLike(Model):
    r"""A 3x3 convolution to one channel and one back to three estimate a curve map, which is applied again and again.

    Formula: $h = W_1 * y$, $a = \tanh(W_2 * \max(h / 10, h))$ and $x \leftarrow x + a\,(x^2 - x)$, ``iterations`` times
    from $x = y$, the image.
    The first convolution starts as a weighted mean of the pixels around. Below zero the activation has a slope of 1/10:
    a ReLU on the only channel may close for all images in training, and then the whole network.
    Source: Bai et al.: Towards Lightest Low-Light Image Enhancement Architecture for Mobile Devices (LiteIE, 2025), of
    which this has the size, 58 parameters in two convolutions, and the reuse of one estimate by an iteration without
    parameters. *Differs:* the slope below zero is ours, the iteration is the light-enhancement curve of Zero-DCE
    (Guo et al., CVPR 2020), and the borders are repeated.

    Example:
        >>> model = LiteIeLike()
        >>> model.parameter_count()
        58
        >>> model(torch.rand(1, 3, 5, 8))["curve_map"].shape
        torch.Size([1, 3, 5, 8])
    """

    class Config(zerokd.Config):
        iterations: int = Field(8, ge=1, le=32, description="number of curve iterations")

    def __init__(self, **options: object):
        super().__init__(**options)
        self.enter = nn.Conv2d(3, 1, 3, padding=1, padding_mode="replicate")
        self.leave = nn.Conv2d(1, 3, 3, padding=1, padding_mode="replicate")
        with torch.no_grad():
            self.enter.weight.abs_()
            self.enter.get_parameter("bias").abs_()
            self.leave.weight *= 0.1  # the map starts near 0, and the image nearly unchanged
            self.leave.get_parameter("bias").zero_()

    def outputs(self) -> dict[str, Signal]:
        return {
            "enhanced": Signal(range=(0.0, 1.0)),
            "curve_map": Signal(range=(-1.0, 1.0), iterations=self.config.iterations, unchanged=0.0),
        }

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        curve_map, enhanced = torch.tanh(self.leave(leaky_relu(self.enter(low), NEGATIVE_SLOPE))), low
        for _ in range(self.config.iterations):
            enhanced = enhanced + curve_map * (enhanced * enhanced - enhanced)
        return {"enhanced": enhanced, "curve_map": curve_map}
