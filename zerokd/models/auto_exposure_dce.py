"""NanoDCE with auto exposure, and smoothing where the curve amplifies noise."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Model, Signal
from zerokd.models.le_curve import le_curve
from zerokd.models.nano_dce import NanoDce

SAMPLE_SIDE = 64  # the brightness is measured on a grid of this many rows and columns
BISECTION_STEPS = 12  # of the strength


@final
class AutoExposureDce(Model):
    r"""NanoDCE decides where to brighten, the image's mean how much; exposure and smoothing add no parameters.

    Formula: $A$ is the mean of NanoDCE's curve map over the channels and a square of $2r+1$ pixels, $r$ the ``spread``,
    $LE$ the curve, $s$ the strength at which the mean of $LE(x, \mathrm{clip}(sA))$ is ``exposure``, but at most
    ``strongest``; it is 0 for an image of that brightness, which stays unchanged. Enhanced is $LE(x + w\,d,
    \mathrm{clip}(sA))$: $d = \frac{1}{9} \sum_j t \tanh((x_j - x)/t)$ over the 3x3 surroundings, with $t$ the
    ``smoothing``, averages what differs by less and leaves edges; $w = \tanh(0.3 \max(g - 1, 0))$ with $g$ the slope
    of the curve, by which noise is amplified. ``plain`` is NanoDCE's own enhanced image, for an objective that
    trains the map.
    Source: this project. Auto exposure to a grey of 18 % is what cameras do; the bounded differences are those of
    robust anisotropic diffusion (Black, Sapiro, Marimont, Heeger: Robust Anisotropic Diffusion, IEEE TIP 1998), one
    step of it. The noise of a curve's slope: Zero-DCE has no term against it.
    Pitfalls: strength depends on the whole image, so that formats that process a few rows at a time (c, glsl) cannot
    express it, and each frame of a video gets its own exposure. Without a low ``strongest`` a night sky becomes grey.

    Example:
        >>> model = AutoExposureDce()
        >>> sum(weight.numel() for weight in model.parameters())
        161
        >>> bright = torch.full((1, 3, 8, 8), 0.7)
        >>> bool((model(bright)["enhanced"] == bright).all())
        True
    """

    class Config(zerokd.Config):
        width: int = Field(4, ge=1, le=512, description="channels of each hidden layer")
        iterations: int = Field(8, ge=1, le=32, description="number of curve iterations")
        exposure: float = Field(0.46, gt=0.0, lt=1.0, description="mean brightness of enhanced dark images")
        strongest: float = Field(1.5, gt=0.0, le=100.0, description="greatest factor of the curve map")
        spread: int = Field(8, ge=0, le=256, description="the curve map is averaged over this many pixels to each side")
        smoothing: float = Field(0.01, ge=0.0, le=1.0, description="differences that count as noise, 0 to 1; 0: none")

    gated = ("dce.e_conv1", "dce.e_conv2")

    def __init__(self, **options: object):
        super().__init__(**options)
        self.dce = NanoDce(width=self.config.width, iterations=self.config.iterations)

    def outputs(self) -> dict[str, Signal]:
        return {"enhanced": Signal(range=(0.0, 1.0)), "plain": Signal(range=(0.0, 1.0))}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        outputs = self.dce(low)
        config = self.config
        spread = smooth_curve_map(outputs["curve_map"], config.spread)
        strength = find_strength(low, spread, config.iterations, config.exposure, config.strongest)
        curve_map = (strength * spread).clamp(-1.0, 1.0)
        x = low
        if config.smoothing > 0:
            share = torch.tanh(0.3 * torch.relu(curve_derivative(low, curve_map, config.iterations) - 1.0))
            x = low + share * mean_bounded_difference(low, config.smoothing)
        return {"enhanced": le_curve(x, curve_map, config.iterations), "plain": outputs["enhanced"]}


def smooth_curve_map(curve_map: Tensor, radius: int) -> Tensor:
    """(N, 1, H, W): the mean over channels and over the square around each pixel, as far as it lies in the image."""
    grey = curve_map.mean(dim=1, keepdim=True)
    for kernel in ((2 * radius + 1, 1), (1, 2 * radius + 1)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        grey = F.avg_pool2d(grey, kernel, stride=1, padding=padding, count_include_pad=False)
    return grey


@torch.no_grad()
def find_strength(low: Tensor, curve_map: Tensor, iterations: int, exposure: float, max_strength: float) -> Tensor:
    """(N, 1, 1, 1): the factor of each map (N, 1 or 3, H, W) that gives a mean brightness of ``exposure``, at most
    ``max_strength``; 0 for images that have it already. Found by bisection on 64x64 of the pixels."""
    x, a = (F.interpolate(tensor, size=(SAMPLE_SIDE, SAMPLE_SIDE), mode="nearest") for tensor in (low, curve_map))
    weakest = torch.zeros_like(x[:, :1, :1, :1])
    strongest = torch.full_like(weakest, max_strength)
    for _ in range(BISECTION_STEPS):
        middle = (weakest + strongest) / 2
        enhanced = le_curve(x, (middle * a).clamp(-1.0, 1.0), iterations)
        is_dark = (enhanced.mean(dim=(1, 2, 3), keepdim=True) < exposure).to(x.dtype)
        weakest, strongest = weakest + is_dark * (middle - weakest), middle + is_dark * (strongest - middle)
    is_bright = (x.mean(dim=(1, 2, 3), keepdim=True) >= exposure).to(x.dtype)
    return (1 - is_bright) * weakest


def curve_derivative(x: Tensor, curve_map: Tensor, iterations: int) -> Tensor:
    """The derivative of the curve at ``x``, 0 or more: the factor by which it amplifies noise."""
    derivative = torch.ones_like(x)
    for _ in range(iterations):
        derivative = derivative * (1.0 + curve_map * (2.0 * x - 1.0))
        x = x + curve_map * (x * x - x)
    return derivative


def mean_bounded_difference(x: Tensor, bound: Tensor | float) -> Tensor:
    """The mean over the 3x3 surroundings of the difference to each pixel, each bounded by ``bound``."""
    height, width = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    neighbours = [
        padded[..., down : down + height, right : right + width]
        for down in range(3)
        for right in range(3)
        if (down, right) != (1, 1)
    ]
    return sum((bound * torch.tanh((neighbour - x) / bound) for neighbour in neighbours), torch.zeros_like(x)) / 9
