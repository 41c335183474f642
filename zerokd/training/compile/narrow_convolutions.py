"""Convolutions of few channels, written as sums. A library's convolution is made for many channels and writes each
result to memory; a compiler fuses these sums with the loops around them.

``DECOMPOSITIONS`` is a table for ``make_fx``: PyTorch's operations, and functions that compute the same from simpler
ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from zerokd.training.device import WIDE_CHANNELS

MAX_POINTWISE_WEIGHTS = 64  # of a pointwise layer: a compiler would take minutes over a wide network's sums
Pair = Sequence[int]


def decompose_convolution(
    image: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair, *rest: Any
) -> Tensor:
    """``aten::convolution`` of few channels."""
    if not _is_narrow_convolution(image, weight, stride, dilation, *rest):
        return NotImplemented
    is_depthwise = rest[-1] > 1
    output = (
        _convolve_depthwise(image, weight, padding) if is_depthwise else _convolve_pointwise(image, weight[:, :, 0, 0])
    )
    return output if bias is None else output + bias.view(-1, 1, 1)


def decompose_convolution_backward(
    grad_output: Tensor,
    image: Tensor,
    weight: Tensor,
    bias_sizes: Pair | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    transposed: bool,
    output_padding: Pair,
    groups: int,
    output_mask: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """``aten::convolution_backward`` of few channels."""
    if not _is_narrow_convolution(image, weight, stride, dilation, transposed, output_padding, groups):
        return NotImplemented
    grad_image = grad_weight = None
    if groups > 1:
        height, width = weight.shape[2:]
        if output_mask[0]:
            full_padding = (height - 1 - padding[0], width - 1 - padding[1])
            grad_image = _convolve_depthwise(grad_output, weight.flip(2, 3), full_padding)
        if output_mask[1]:
            windows = _iterate_kernel_windows(image, weight, padding)
            sums = [(grad_output * window).sum(dim=(0, 2, 3)) for _, window in windows]
            grad_weight = torch.stack(sums, dim=1).view(weight.shape)
    else:
        if output_mask[0]:
            grad_image = _convolve_pointwise(grad_output, weight[:, :, 0, 0].T)
        if output_mask[1]:
            grad_weight = (grad_output.unsqueeze(2) * image.unsqueeze(1)).sum(dim=(0, 3, 4)).view(weight.shape)
    return grad_image, grad_weight, grad_output.sum(dim=(0, 2, 3)) if output_mask[2] else None


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.convolution.default: decompose_convolution,
    torch.ops.aten.convolution_backward.default: decompose_convolution_backward,
}


def _is_narrow_convolution(
    image: Tensor, weight: Tensor, stride: Pair, dilation: Pair, transposed: bool, _: Pair, groups: int
) -> bool:
    if image.ndim != 4 or transposed or {*stride, *dilation} != {1}:
        return False
    if groups > 1:
        return groups == weight.shape[0] == image.shape[1] < WIDE_CHANNELS
    return weight.shape[2:] == (1, 1) and weight.numel() <= MAX_POINTWISE_WEIGHTS


def _iterate_kernel_windows(image: Tensor, weight: Tensor, padding: Pair) -> Iterator[tuple[Tensor, Tensor]]:
    """For each position of a depthwise kernel: its weight per channel, and the part of the image that it multiplies."""
    (pad_y, pad_x), (height, width) = padding, weight.shape[2:]
    padded = F.pad(image, (pad_x, pad_x, pad_y, pad_y))
    rows, columns = (size - side + 1 for size, side in zip(padded.shape[2:], (height, width), strict=True))
    for i in range(height):
        for j in range(width):
            yield weight[:, 0, i, j], padded[:, :, i : i + rows, j : j + columns]


def _convolve_depthwise(image: Tensor, weight: Tensor, padding: Pair) -> Tensor:
    windows = _iterate_kernel_windows(image, weight, padding)
    return _add_tensors([factor.view(-1, 1, 1) * window for factor, window in windows])


def _convolve_pointwise(image: Tensor, weight: Tensor) -> Tensor:
    return _add_tensors([image[:, c : c + 1] * weight[:, c].view(-1, 1, 1) for c in range(weight.shape[1])])


def _add_tensors(tensors: Sequence[Tensor]) -> Tensor:
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total
