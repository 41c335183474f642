"""Average pooling to one height and width."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

import attrs
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from zerokd import Adapter, Signal


@final
class AdaptivePool(Adapter):
    """Averages every tensor down to the smallest height and the smallest width among them.

    Tensors that have that size already pass unchanged.
    Source: the documented feature matching. *Differs:* the released code pools the teacher to the student's size, which
    repeats pixels where the teacher's is smaller; never enlarging treats both alike.

    Example:
        >>> import torch
        >>> AdaptivePool()({"student": torch.zeros(1, 4, 2, 3), "teacher": torch.ones(1, 8, 4, 6)})["teacher"].shape
        torch.Size([1, 8, 2, 3])
    """

    is_per_port = True

    def __init__(self, **options: object):
        super().__init__(**options)
        self._size: tuple[int, int] | None = None

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        size = self._size = _smallest_size(signal.shape for signal in signals.values())
        return {port: attrs.evolve(signal, shape=(signal.shape[0], *size)) for port, signal in signals.items()}

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        size = self._size or _smallest_size(tensor.shape for tensor in tensors.values())
        return {
            port: tensor if tensor.shape[-2:] == size else adaptive_avg_pool2d(tensor, size)
            for port, tensor in tensors.items()
        }


def _smallest_size(shapes: Iterable[tuple[int, ...]]) -> tuple[int, int]:
    sizes = [shape[-2:] for shape in shapes]
    return min(height for height, _ in sizes), min(width for _, width in sizes)
