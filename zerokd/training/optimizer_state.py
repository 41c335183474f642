"""The state of an optimizer as named tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def collect_optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Every tensor of the state: ``0/exp_avg`` belongs to the first parameter."""
    states: Mapping[int, Mapping[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}/{key}": value
        for index, state in states.items()
        for key, value in state.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer_state(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore what :func:`collect_optimizer_state` returned, on the devices that PyTorch chooses.

    PyTorch casts a state to the type of its parameter, which would change its bits; here it keeps its own type.
    """
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition("/")
        states.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for position, saved in states.items():
        loaded = optimizer.state[parameters[position]]
        loaded.update({key: tensor.clone().to(loaded[key].device) for key, tensor in saved.items()})
