"""Features of the regions of an image, and their precision."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d


def widen(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 or wider."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def pool_to_smaller(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Average two feature maps (N, C, H, W) to the smaller height and the smaller width of both."""
    size = (min(first.shape[2], second.shape[2]), min(first.shape[3], second.shape[3]))
    pooled = [
        features if features.shape[2:] == size else adaptive_avg_pool2d(features, size) for features in (first, second)
    ]
    return pooled[0], pooled[1]


def pair_regions(first: Tensor, second: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The means of ``side`` x ``side`` regions of two feature maps, or of their pixels where there are fewer.

    Args:
        first: (N, C, H, W), any range.
        second: (N, D, h, w), any range.
        side: regions a side.

    Returns:
        (N, P, C) and (N, P, D), in float32 or wider.
    """
    height, width = (min(side, *sizes) for sizes in zip(first.shape[2:], second.shape[2:], strict=True))
    rows = [
        adaptive_avg_pool2d(widen(features), (height, width)).flatten(2).transpose(1, 2) for features in (first, second)
    ]
    return rows[0], rows[1]


def multiply_by_transpose(first: Tensor, second: Tensor) -> Tensor:
    """Return ``first @ second.mT``, in the type of both, under autocast too: a rounded similarity has few digits."""
    device = first.device.type
    if device != "meta" and torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return first @ second.mT
    return first @ second.mT
