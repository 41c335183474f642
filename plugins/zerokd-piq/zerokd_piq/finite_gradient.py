"""A gradient of 0 where a library has none."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def with_finite_gradient(function: Callable[..., Tensor], module: str) -> Callable[..., Tensor]:
    """Add the argument ``finite_gradient`` to a function of two images: if true, no gradient is NaN or infinite.

    Args:
        function: takes the image with gradient first.
        module: the module that assigns the result to the function's own name, where pickle finds it.
    """

    @functools.wraps(function)
    def wrapper(x: Tensor, y: Tensor, *, finite_gradient: bool = False, **options: Any) -> Tensor:
        return function(_FiniteGradient.apply(x) if finite_gradient else x, y, **options)

    own = inspect.signature(function)
    flag = inspect.Parameter("finite_gradient", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=bool)
    wrapper.__signature__ = own.replace(parameters=[*own.parameters.values(), flag])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {**function.__annotations__, "finite_gradient": bool}
    wrapper.__module__ = module
    return wrapper


class _FiniteGradient(torch.autograd.Function):
    """Forward: the image. Backward: its gradient, 0 where it is not finite."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        return image.view_as(image)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return torch.where(torch.isfinite(gradient), gradient, 0.0)
