"""Resampling to the student's height and width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import attrs
from torch import Tensor
from torch.nn import functional as F

from zerokd import Adapter, Signal


def resize(tensor: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample bilinearly, and average where it shrinks.

    Args:
        tensor: (N, C, H, W), any range.
        size: height and width of the result.

    Returns:
        (N, C, *size), in the range of ``tensor``; ``tensor`` itself where it has that size.
    """
    if tensor.shape[-2:] == size:
        return tensor
    return F.interpolate(tensor, size=size, mode="bilinear", align_corners=False, antialias=True)


@final
class Resize(Adapter):
    """Resamples every tensor to the height and width of the first port, the student's.

    ``adaptive_pool`` never enlarges; this does, so that a student's larger map is compared in full detail.
    Source: bilinear resampling with a triangle filter that widens as it shrinks (Heckbert, Fundamentals of Texture
    Mapping, 1989), as Pillow and PyTorch compute it.

    Example:
        >>> import torch
        >>> Resize()({"student": torch.zeros(1, 4, 1, 4), "teacher": torch.tensor([[[[0.0, 1.0]]]])})["teacher"]
        tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """

    is_per_port = True

    def __init__(self, **options: object):
        super().__init__(**options)
        self._size: tuple[int, int] | None = None

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        height, width = next(iter(signals.values())).shape[-2:]
        self._size = height, width
        return {port: attrs.evolve(signal, shape=(signal.shape[0], *self._size)) for port, signal in signals.items()}

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        height, width = next(iter(tensors.values())).shape[-2:]
        return {port: resize(tensor, self._size or (height, width)) for port, tensor in tensors.items()}
