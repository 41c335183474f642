"""Many small parameters in one tensor: an optimizer's step over a tiny network costs as much as its number of tensors,
not of elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """Parameters of one dtype and device, laid out in one tensor ``values``.

    Each parameter keeps its name and shape and becomes a view of ``values``; a backward pass adds its gradient to the
    same part of ``values.grad``. A parameter that no backward pass has reached has the gradient 0.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]):
        self.values = nn.Parameter(parameters[0].new_empty(sum(parameter.numel() for parameter in parameters)))
        self.values.grad = torch.zeros_like(self.values)
        start = 0
        for parameter in parameters:
            layout = parameter.shape, _choose_strides(parameter), start
            view = self.values.data.as_strided(*layout)
            view.copy_(parameter.data)
            parameter.data, parameter.grad = view, self.values.grad.as_strided(*layout)
            start += parameter.numel()

    @property
    def gradient(self) -> Tensor:
        """The stored gradient of ``values``; may be written to."""
        assert self.values.grad is not None
        return self.values.grad


def flatten_parameters(parameters: Iterable[nn.Parameter]) -> list[FlatParameters]:
    """One :class:`FlatParameters` for each dtype and device."""
    groups: dict[tuple[torch.dtype, torch.device], list[nn.Parameter]] = {}
    for parameter in parameters:
        groups.setdefault((parameter.dtype, parameter.device), []).append(parameter)
    return [FlatParameters(group) for group in groups.values()]


def _choose_strides(tensor: Tensor) -> tuple[int, ...]:
    """Contiguous strides; a channels-last tensor, whose layout was chosen for speed, keeps its own."""
    is_channels_last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.stride() if is_channels_last else tensor.new_empty(tensor.shape).stride()
