"""Many small parameters as one: an optimizer's step over a tiny network costs what its dozen tensors cost, not what
its numbers do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """Parameters of one type and device laid out in one tensor. Each keeps its name and shape and is a part of
    ``values``; what a backward pass adds to its gradient is added to that part of ``values.grad``.

    A parameter that no backward pass has reached has the gradient 0.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]):
        first = parameters[0]
        self.values = nn.Parameter(first.new_empty(sum(parameter.numel() for parameter in parameters)))
        self.values.grad = torch.zeros_like(self.values)
        start = 0
        for parameter in parameters:
            place = parameter.shape, _choose_strides(parameter), start
            part = self.values.data.as_strided(*place)
            part.copy_(parameter.data)
            parameter.data, parameter.grad = part, self.values.grad.as_strided(*place)
            start += parameter.numel()

    @property
    def gradient(self) -> Tensor:
        """The gradient of ``values``, to be written to."""
        assert self.values.grad is not None
        return self.values.grad


def flatten_parameters(parameters: Iterable[nn.Parameter]) -> list[FlatParameters]:
    """One for each type and device among the parameters."""
    groups: dict[tuple[torch.dtype, torch.device], list[nn.Parameter]] = {}
    for parameter in parameters:
        groups.setdefault((parameter.dtype, parameter.device), []).append(parameter)
    return [FlatParameters(group) for group in groups.values()]


def _choose_strides(tensor: Tensor) -> tuple[int, ...]:
    """Channels last stays so: a memory layout may be chosen for speed."""
    channels_last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.stride() if channels_last else tensor.new_empty(tensor.shape).stride()
