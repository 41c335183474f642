"""An illumination that changes only where the input does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # luma of ITU-R BT.601
U, V = 0.436 / (1 - BLUE), 0.615 / (1 - RED)


def illumination_smoothness(illumination: Tensor, low: Tensor, radius: int = 2, sigma: float = 0.1) -> Tensor:
    """Mean absolute difference of neighbours, weighted by the similarity of the input, per image.

    Args:
        illumination: (N, C, H, W) in [0, 1], at least 2x2.
        low: (N, 3, H, W) in [0, 1].
        radius: pixels this far apart at most, in each direction, are neighbours.
        sigma: distance of two colours, in YUV, at which the weight of a pair has fallen to 0.61.

    Returns:
        (N,), in [0, 1]; 0 when every channel is constant.
    """
    colors = rgb_to_yuv(low)
    total, pairs = illumination.new_zeros(len(low)), 0
    for down, right in half_window_offsets(radius):
        center, neighbour = neighbour_pairs(colors, down, right)
        weights = torch.exp((center - neighbour).square().sum(dim=1) / (-2 * sigma**2))
        center, neighbour = neighbour_pairs(illumination, down, right)
        total = total + (weights * (center - neighbour).abs().mean(dim=1)).sum(dim=(1, 2))
        pairs += weights[0].numel()
    return total / pairs


def rgb_to_yuv(image: Tensor) -> Tensor:
    """RGB (N, 3, H, W) in [0, 1] as luma and two colour differences, which are 0 where it is grey."""
    red, green, blue = image.unbind(dim=1)
    luma = RED * red + GREEN * green + BLUE * blue
    return torch.stack([luma, U * (blue - luma), V * (red - luma)], dim=1)


def half_window_offsets(radius: int) -> Iterator[tuple[int, int]]:
    """The offsets to half of a square window: with the pairs both ways round, every pair would count twice."""
    for down in range(radius + 1):
        for right in range(-radius if down else 1, radius + 1):
            yield down, right


def neighbour_pairs(image: Tensor, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Return the pixels that have a neighbour at this offset, and the neighbours."""
    height, width = image.shape[-2:]
    rows, columns = max(height - down, 0), max(width - abs(right), 0)
    left = max(-right, 0)
    center = image[..., :rows, left : left + columns]
    return center, image[..., down : down + rows, left + right : left + right + columns]


@final
class IlluminationSmoothness(Loss):
    r"""Rewards an illumination that is constant where the input is alike, against texture that is divided away.

    Formula: $\frac{1}{C|P|}\sum_{(i,j) \in P} w_{ij} \sum_c |x_{ci} - x_{cj}|$ with
    $w_{ij} = \exp(-\lVert y_i - y_j \rVert^2 / 2\sigma^2)$: $P$ all pairs of pixels in one window of 5x5 around either,
    $x$ the illumination, $y$ the input in YUV.
    Returns: (N,), in [0, 1], 0 exactly when each channel is constant (to the rounding of the weights).
    Scale: mean over pairs of neighbours and over channels.
    Source: $L_s$ of SCI (Ma et al.: Toward Fast, Flexible, and Robust Low-Light Image Enhancement, CVPR 2022), with
    its window of 5x5 and $\sigma = 0.1$. *Differs:* the paper sums over pixels; its released code takes the mean of
    them but sums 24 neighbours and 3 channels, so that its weight 1 is 72 here. That code has $\sigma = 10$, at which
    no pair weighs less than 0.98: it smooths across all edges alike. U and V are the analogue ones of BT.601.
    Pitfalls: below a brightness of about ``sigma`` all colours are alike: in a very dark photo the illumination is
    smoothed across edges too. Differences are per pixel: at twice the resolution a map has about half of the value.

    Example:
        >>> import torch
        >>> ramp = torch.tensor([0.0, 0.25, 0.5]).expand(1, 3, 3, 3)
        >>> IlluminationSmoothness(radius=1)(illumination=ramp, low=torch.zeros(1, 3, 3, 3))
        tensor([0.1750])
    """

    class Config(zerokd.Config):
        radius: int = Field(2, ge=1, le=16, description="neighbours are in a window of 2 * radius + 1 pixels a side")
        sigma: float = Field(0.1, gt=0.0, le=10.0, description="colour distance that still counts as similar")

    ports = {
        "illumination": Port("the estimated light", range=(0.0, 1.0), grad=True, default="student.illumination"),
        "low": Port("the low-light input", range=(0.0, 1.0), default="low", channels=3),
    }
    bounds = (0.0, 1.0)
    best_on = ("constant",)
    worsens_with = ("noise",)

    def min_size(self) -> int:
        return 2

    def forward(self, *, illumination: Tensor, low: Tensor) -> Tensor:
        return illumination_smoothness(illumination, low, self.config.radius, self.config.sigma)
