"""Inputs for a component, made from what it declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zerokd.plugin.specs import Port

ANY_RANGE = (-1.0, 1.0)  # of a port that declares none
ANY_CHANNELS = 3  # of a port that takes any number
LEAST = 4  # pixels a side, so that an image has an inside
Make = Callable[[Tensor], Tensor]


def noise(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Uniform in [0, 1), float64, from a generator of its own."""
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def placed(image: Tensor, port: Port) -> Tensor:
    """An image in [0, 1], moved into a port's range."""
    low, high = port.range or ANY_RANGE
    return low + (high - low) * image


def side(measure: Any) -> int:
    """A size that a loss or metric takes."""
    return max(int(measure.min_size()), LEAST)


def tensors(
    measure: Any,
    count: int = 3,
    size: tuple[int, int] | None = None,
    dtype: torch.dtype = torch.float32,
    make: Make | None = None,
    channels: int = ANY_CHANNELS,
    same: bool = False,
) -> dict[str, Tensor]:
    """A tensor for every port: ``make`` of noise (by default the noise), the same one in all ports or one each."""
    made = {}
    for number, (name, port) in enumerate(measure.ports.items()):
        shape = (count, port.channels or channels, *(size or (side(measure), side(measure))))
        image = noise(shape, 0 if same else number)
        made[name] = placed(make(image) if make else image, port).to(dtype)
    return made


def asking(measure: Any, ports: Mapping[str, Tensor], every: bool = False) -> dict[str, Tensor]:
    """The same tensors as leaves: those of ports that ask for gradient require it, or ``every`` one."""
    return {name: one.detach().clone().requires_grad_(every or measure.ports[name].grad) for name, one in ports.items()}


def gradients(measure: Any, ports: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor | None]]:
    """The values on such leaves, and the gradient of their sum at each that requires one."""
    values = measure(**ports)
    if values.requires_grad:
        values.sum().backward()
    return values, {name: one.grad for name, one in ports.items() if one.requires_grad}
