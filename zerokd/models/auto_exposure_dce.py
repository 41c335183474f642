"""NanoDCE with what a camera does around it: auto exposure, and smoothing where noise is amplified."""

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

SAMPLE_SIDE = 64  # rows and columns of pixels that brightness is measured on
BISECTION_STEPS = 12  # of the interval in which the strength is sought


@final
class AutoExposureDce(Model):
    r"""NanoDCE decides where to brighten, the picture's mean how much: 161 parameters and operations without any.

    Formula: $A$ is the mean of NanoDCE's curve map over the channels and a square of $2r+1$ pixels, $r$ the ``spread``,
    $LE$ the curve, $s$ the strength at which the mean of $LE(x, \mathrm{clip}(sA))$ is ``exposure``, but at most
    ``strongest``; it is 0 for a picture that is as bright, which is left as it is. Enhanced is $LE(x + w\,d,
    \mathrm{clip}(sA))$: $d = \frac{1}{9} \sum_j t \tanh((x_j - x)/t)$ over the 3x3 surroundings, with $t$ the
    ``smoothing``, averages what differs by less and leaves edges; $w = \tanh(0.3 \max(g - 1, 0))$ with $g$ the slope
    of the curve, by which noise is amplified. ``plain`` is what NanoDCE itself makes of $x$, for an objective that
    trains the map.
    Source: this project. Auto exposure to a grey of 18 % is what cameras do; the bounded differences are those of
    robust anisotropic diffusion (Black, Sapiro, Marimont, Heeger: Robust Anisotropic Diffusion, IEEE TIP 1998), one
    step of it. The noise of a curve's slope: Zero-DCE has no term against it.
    Pitfalls: strength depends on the whole picture, so that formats which see a few rows at a time (c, glsl) cannot
    hold it, and a film's frames are exposed one by one. Without a low ``strongest`` a night sky becomes grey.

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
        iterations: int = Field(8, ge=1, le=32, description="how often the curve is applied")
        exposure: float = Field(0.46, gt=0.0, lt=1.0, description="mean brightness that dark pictures are brought to")
        strongest: float = Field(1.5, gt=0.0, le=100.0, description="what the curve map is multiplied by at most")
        spread: int = Field(8, ge=0, le=256, description="pixels to each side that the curve map is averaged over")
        smoothing: float = Field(0.01, ge=0.0, le=1.0, description="differences that count as noise, 0 to 1; 0: none")

    gated = ("dce.e_conv1", "dce.e_conv2")

    def __init__(self, **options: object):
        super().__init__(**options)
        self.dce = NanoDce(width=self.config.width, iterations=self.config.iterations)

    def outputs(self) -> dict[str, Signal]:
        return {"enhanced": Signal(range=(0.0, 1.0)), "plain": Signal(range=(0.0, 1.0))}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        made = self.dce(low)
        config = self.config
        spread = smooth_curve_map(made["curve_map"], config.spread)
        strength = find_strength(low, spread, config.iterations, config.exposure, config.strongest)
        curve_map = (strength * spread).clamp(-1.0, 1.0)
        x = low
        if config.smoothing > 0:
            share = torch.tanh(0.3 * torch.relu(curve_derivative(low, curve_map, config.iterations) - 1.0))
            x = low + share * mean_bounded_difference(low, config.smoothing)
        return {"enhanced": le_curve(x, curve_map, config.iterations), "plain": made["enhanced"]}


def smooth_curve_map(curve_map: Tensor, radius: int) -> Tensor:
    """(N, 1, H, W): the mean over channels and over the square around each pixel, as far as it lies in the picture."""
    grey = curve_map.mean(dim=1, keepdim=True)
    for along in ((2 * radius + 1, 1), (1, 2 * radius + 1)):
        padding = (along[0] // 2, along[1] // 2)
        grey = F.avg_pool2d(grey, along, stride=1, padding=padding, count_include_pad=False)
    return grey


@torch.no_grad()
def find_strength(low: Tensor, curve_map: Tensor, iterations: int, exposure: float, max_strength: float) -> Tensor:
    """(N, 1, 1, 1): what to multiply each map (N, 1 or 3, H, W) by for a mean brightness of ``exposure``; at most
    ``strongest``, and 0 for pictures that are as bright without. Found by bisection on 64x64 of the pixels."""
    x, a = (F.interpolate(one, size=(SAMPLE_SIDE, SAMPLE_SIDE), mode="nearest") for one in (low, curve_map))
    least = torch.zeros_like(x[:, :1, :1, :1])
    most = torch.full_like(least, max_strength)
    for _ in range(BISECTION_STEPS):
        middle = (least + most) / 2
        made = le_curve(x, (middle * a).clamp(-1.0, 1.0), iterations)
        is_dark = (made.mean(dim=(1, 2, 3), keepdim=True) < exposure).to(x.dtype)
        least, most = least + is_dark * (middle - least), middle + is_dark * (most - middle)
    as_bright = (x.mean(dim=(1, 2, 3), keepdim=True) >= exposure).to(x.dtype)
    return (1 - as_bright) * least


def curve_derivative(x: Tensor, curve_map: Tensor, iterations: int) -> Tensor:
    """How much a small difference in ``x`` grows under the curve: its derivative, 0 or more."""
    found = torch.ones_like(x)
    for _ in range(iterations):
        found = found * (1.0 + curve_map * (2.0 * x - 1.0))
        x = x + curve_map * (x * x - x)
    return found


def mean_bounded_difference(x: Tensor, bound: Tensor | float) -> Tensor:
    """The mean over the 3x3 surroundings of the difference to each pixel, every one bounded by ``most``."""
    height, width = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    moved = [
        padded[..., down : down + height, right : right + width]
        for down in range(3)
        for right in range(3)
        if (down, right) != (1, 1)
    ]
    return sum((bound * torch.tanh((one - x) / bound) for one in moved), torch.zeros_like(x)) / 9
