"""Luma and chroma at full and half size, and the difference images between three resolutions.

In an exported program each filter is one convolution, pooling or interpolation, which engines compute faster than its
slices; in PyTorch sums of slices are faster. Both agree up to the rounding of float32.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.compiler import is_exporting
from torch.nn import functional as F

LUMA_WEIGHTS = RED, GREEN, BLUE = 0.299, 0.587, 0.114  # ITU-R BT.601
LUMA_CHROMA_OF_RGB = ((RED, GREEN, BLUE), (1 - RED, -GREEN, -BLUE), (-RED, -GREEN, 1 - BLUE))
RGB_OF_LUMA_CHROMA = ((1.0, 1.0, 0.0), (1.0, -RED / GREEN, -BLUE / GREEN), (1.0, 0.0, 1.0))
ROWS, COLUMNS = 2, 3  # the axes of an image (N, C, H, W)


class Bands(NamedTuple):
    """An image as a blurred half-size ``base`` and the details that three resolutions add to it.

    All are (N, 3, h, w), luma and two chroma channels. ``fine`` has the size of the image, the rest half of it.
    """

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    base: Tensor


def pad_to_even(image: Tensor) -> Tensor:
    """(N, C, H, W) to even height and width: the last row and column are repeated where they are odd."""
    height, width = image.shape[ROWS], image.shape[COLUMNS]
    padded = F.pad(image, (0, 1, 0, 1), mode="replicate")
    return padded[:, :, : (height + 1) // 2 * 2, : (width + 1) // 2 * 2]


def to_luma_chroma(image: Tensor) -> Tensor:
    """RGB (N, 3, H, W) in [0, 1] to luma Y in [0, 1], R - Y and B - Y in [-1, 1]."""
    if is_exporting():
        return F.conv2d(image, image.new_tensor(LUMA_CHROMA_OF_RGB)[..., None, None])
    red, green, blue = image[:, :1], image[:, 1:2], image[:, 2:]
    luma = RED * red + GREEN * green + BLUE * blue
    return torch.cat([luma, red - luma, blue - luma], 1)


def to_rgb(planes: Tensor) -> Tensor:
    """The inverse of :func:`to_luma_chroma`; not clamped."""
    if is_exporting():
        return F.conv2d(planes, planes.new_tensor(RGB_OF_LUMA_CHROMA)[..., None, None])
    luma, red, blue = planes[:, :1], planes[:, 1:2], planes[:, 2:]
    green = luma - (RED * red + BLUE * blue) / GREEN
    return torch.cat([luma + red, green, luma + blue], 1)


def mean_of_squares(image: Tensor) -> Tensor:
    """(N, C, H, W) of even sides to half the size: the mean of each 2x2 square."""
    if is_exporting():
        return F.avg_pool2d(image, 2)
    upper, lower = image[:, :, ::2], image[:, :, 1::2]
    return 0.25 * (upper[..., ::2] + upper[..., 1::2] + lower[..., ::2] + lower[..., 1::2])


def haar_diagonal(image: Tensor) -> Tensor:
    """(N, C, H, W) of even sides to half the size: half the difference of both diagonals of each 2x2 square."""
    if is_exporting():
        return _convolve(image, image.new_tensor([[0.5, -0.5], [-0.5, 0.5]]), stride=2)
    upper, lower = image[:, :, ::2], image[:, :, 1::2]
    return (upper[..., ::2] - upper[..., 1::2] - lower[..., ::2] + lower[..., 1::2]) / 2


def downsample(image: Tensor) -> Tensor:
    """(N, C, H, W) of even sides to half the size, by the kernel [1 3 3 1]/8 along both axes."""
    if is_exporting():
        weights = image.new_tensor([0.125, 0.375, 0.375, 0.125])
        return _convolve(_repeat_border(image, 1), torch.outer(weights, weights), stride=2)
    for axis in (ROWS, COLUMNS):
        size = image.shape[axis]
        padded = F.pad(image, (0, 0, 1, 1) if axis == ROWS else (1, 1, 0, 0), mode="replicate")
        taps = (padded[:, :, i : i + size : 2] if axis == ROWS else padded[..., i : i + size : 2] for i in range(4))
        first, second, third, fourth = taps
        image = 0.125 * (first + fourth) + 0.375 * (second + third)
    return image


def upsample(image: Tensor) -> Tensor:
    """(N, C, h, w) to twice the size, bilinear: a new pixel is 3/4 of the nearest old one and 1/4 of the next."""
    if is_exporting():
        return F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)
    for axis in (ROWS, COLUMNS):
        size = image.shape[axis]
        padded = F.pad(image, (0, 0, 1, 1) if axis == ROWS else (1, 1, 0, 0), mode="replicate")
        previous, following = 0.25 * padded.narrow(axis, 0, size), 0.25 * padded.narrow(axis, 2, size)
        own = 0.75 * image
        image = torch.stack([own + previous, own + following], axis + 1).flatten(axis, axis + 1)
    return image


def blur(image: Tensor, spacing: int = 1) -> Tensor:
    """The kernel [1 2 1]/4 along both axes, its taps ``spacing`` pixels apart; the border is repeated."""
    if is_exporting():
        weights = image.new_tensor([0.25, 0.5, 0.25])
        return _convolve(_repeat_border(image, spacing), torch.outer(weights, weights), spacing=spacing)
    for axis in (ROWS, COLUMNS):
        size = image.shape[axis]
        amount = (0, 0, spacing, spacing) if axis == ROWS else (spacing, spacing, 0, 0)
        padded = F.pad(image, amount, mode="replicate")
        neighbours = padded.narrow(axis, 0, size) + padded.narrow(axis, 2 * spacing, size)
        image = 0.5 * image + 0.25 * neighbours
    return image


def _repeat_border(image: Tensor, width: int) -> Tensor:
    return F.pad(image, (width,) * 4, mode="replicate")


def _convolve(image: Tensor, kernel: Tensor, stride: int = 1, spacing: int = 1) -> Tensor:
    """Each channel (h, w) by the same kernel, its taps ``spacing`` pixels apart."""
    weight = kernel.expand(image.shape[1], 1, -1, -1)
    return F.conv2d(image, weight, stride=stride, dilation=spacing, groups=image.shape[1])


def split_bands(planes: Tensor) -> Bands:
    """The bands of luma and chroma planes (N, 3, H, W) of even sides: ``planes = fine + upsample(middle + coarse +
    base)``."""
    half = downsample(planes)
    blurred = blur(half)
    base = blur(blurred, 2)
    return Bands(planes - upsample(half), half - blurred, blurred - base, base)
