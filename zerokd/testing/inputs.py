"""Inputs for a component, made from what it declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zerokd.plugin.ports import Port

DEFAULT_RANGE = (-1.0, 1.0)  # of a port that declares none
DEFAULT_CHANNELS = 3  # of a port that takes any number
MIN_INPUT_SIDE = 4  # pixels a side, so that an image has an inside
ImageTransform = Callable[[Tensor], Tensor]


def noise(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Uniform in [0, 1), float64, from a generator of its own."""
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scale_to_port_range(image: Tensor, port: Port) -> Tensor:
    """An image in [0, 1], moved into a port's range."""
    low, high = port.range or DEFAULT_RANGE
    return low + (high - low) * image


def input_side(measure: Any) -> int:
    """A size that a loss or metric takes."""
    return max(int(measure.min_size()), MIN_INPUT_SIDE)


def make_port_tensors(
    measure: Any,
    count: int = 3,
    size: tuple[int, int] | None = None,
    dtype: torch.dtype = torch.float32,
    transform: ImageTransform | None = None,
    channels: int = DEFAULT_CHANNELS,
    share_image: bool = False,
) -> dict[str, Tensor]:
    """A tensor for every port: ``make`` of noise (by default the noise), the same one in all ports or one each."""
    made = {}
    for number, (name, port) in enumerate(measure.ports.items()):
        shape = (count, port.channels or channels, *(size or (input_side(measure), input_side(measure))))
        image = noise(shape, 0 if share_image else number)
        made[name] = scale_to_port_range(transform(image) if transform else image, port).to(dtype)
    return made


def as_leaf_tensors(measure: Any, ports: Mapping[str, Tensor], require_all: bool = False) -> dict[str, Tensor]:
    """The same tensors as leaves: those of ports that ask for gradient require it, or ``every`` one."""
    return {
        name: one.detach().clone().requires_grad_(require_all or measure.ports[name].grad)
        for name, one in ports.items()
    }


def values_and_gradients(measure: Any, ports: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor | None]]:
    """The values on such leaves, and the gradient of their sum at each that requires one."""
    values = measure(**ports)
    if values.requires_grad:
        values.sum().backward()
    return values, {name: one.grad for name, one in ports.items() if one.requires_grad}
