"""A gradient of 0 where a library has none."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field, create_model
from torch import Tensor

from zerokd.plugin.callable_config import declaration_error
from zerokd.plugin.config import Config

FINITE_GRADIENT_KEY = "finite_gradient"
FINITE_GRADIENT_DESCRIPTION = "replace a gradient that is not finite by 0"


def add_finite_gradient_key(config: type[Config]) -> type[Config]:
    """The config with the key ``finite_gradient``, false by default.

    Raises:
        PluginError: it has a key of that name.
    """
    if FINITE_GRADIENT_KEY in config.model_fields:
        raise declaration_error(f"the library has an argument {FINITE_GRADIENT_KEY!r} of its own", "remove yours")
    definition: Any = (Annotated[bool, Field(description=FINITE_GRADIENT_DESCRIPTION)], False)
    extended: type[Config] = create_model("Config", __base__=config, **{FINITE_GRADIENT_KEY: definition})
    return extended


def with_finite_gradient(tensor: Tensor) -> Tensor:
    """The same tensor, whose gradient is 0 where it would be NaN or infinite."""
    result: Tensor = _FiniteGradient.apply(tensor)
    return result


class _FiniteGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return torch.where(torch.isfinite(gradient), gradient, 0.0)
