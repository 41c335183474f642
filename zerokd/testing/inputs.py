"""Inputs for a component, built from its declarations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zerokd.plugin.ports import Port

DEFAULT_RANGE = (-1.0, 1.0)  # for a port that declares none
DEFAULT_CHANNELS = 3  # for a port that takes any number
MIN_INPUT_SIDE = 4  # pixels, so that an image has an interior
ImageTransform = Callable[[Tensor], Tensor]


def noise(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Return uniform noise in [0, 1), float64, from its own generator."""
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scale_to_port_range(image: Tensor, port: Port) -> Tensor:
    """Scale an image in [0, 1] to a port's range."""
    low, high = port.range or DEFAULT_RANGE
    return low + (high - low) * image


def input_side(measure: Any) -> int:
    """Return an image side that a loss or metric accepts, in pixels."""
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
    """Build a tensor (N, C, H, W) for every port from noise, after ``transform``; ``share_image`` puts one in all."""
    tensors = {}
    for number, (name, port) in enumerate(measure.ports.items()):
        shape = (count, port.channels or channels, *(size or (input_side(measure), input_side(measure))))
        image = noise(shape, 0 if share_image else number)
        tensors[name] = scale_to_port_range(transform(image) if transform else image, port).to(dtype)
    return tensors


def link_ports(measure: Any) -> Any:
    """Make the tensors at ports with gradient depend on those at differentiable ports, as they do in an objective."""
    ports: Mapping[str, Port] = getattr(measure, "ports", {})
    names = [name for name, port in ports.items() if port.differentiable]
    if names:
        forward = measure.forward

        def linked_forward(**tensors: Tensor) -> Any:
            with torch.enable_grad():
                tensors |= {name: tensors[name].detach().requires_grad_() for name in names}
                factors = 1 + sum(tensors[name].square().mean(dim=(1, 2, 3), keepdim=True) for name in names)
                tensors |= {name: tensors[name] * factors for name, port in ports.items() if port.grad}
            return forward(**tensors)

        measure.forward = linked_forward
    return measure


def as_leaf_tensors(measure: Any, ports: Mapping[str, Tensor], require_all: bool = False) -> dict[str, Tensor]:
    """Copy tensors to leaves that require gradient where their ports do, or all of them with ``require_all``."""
    return {
        name: tensor.detach().clone().requires_grad_(require_all or measure.ports[name].grad)
        for name, tensor in ports.items()
    }


def values_and_gradients(measure: Any, ports: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor | None]]:
    """Return the values (N,), and the gradient of their sum at each leaf that requires one."""
    values = measure(**ports)
    if values.requires_grad:
        values.sum().backward()
    return values, {name: tensor.grad for name, tensor in ports.items() if tensor.requires_grad}
