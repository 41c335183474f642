"""A costly loss of a batch, with the memory that one image takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def image_by_image(function: Callable[..., Tensor], moving: Tensor, *fixed: Tensor) -> Tensor:
    """``function(moving, *fixed)``, values (N,), for one image after the other where gradient is asked for.

    The slope at ``moving`` is computed with the value, and the tensors in between are let go before the next image:
    those of a whole batch never stand in memory together. Gradient reaches ``moving`` alone. A GPU gets the batch at
    once, since its memory is as fast for many images as for one, and a compiler the function as it is.

    Args:
        function: from images (n, ...) to their values (n,); an image's value is its own.
        moving: (N, ...), what the gradient is taken at.
        fixed: (N, ...), what else the function reads.
    """
    asked = torch.is_grad_enabled() and moving.requires_grad
    if not asked or moving.device.type != "cpu" or torch.compiler.is_compiling():
        return function(moving, *fixed)
    value: Tensor = _OneByOne.apply(function, moving, *fixed)
    return value


class _OneByOne(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], moving: Tensor, *fixed: Tensor) -> Tensor:
        values: list[Tensor] = []
        slopes: list[Tensor] = []
        for row in range(len(moving)):
            with torch.enable_grad():
                image = moving[row : row + 1].detach().requires_grad_()
                value = function(image, *(one[row : row + 1] for one in fixed))
                slopes += torch.autograd.grad(value.sum(), image)
            values.append(value.detach())
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(values)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return None, slope.view(-1, *[1] * (slopes.ndim - 1)) * slopes, *[None] * (len(ctx.needs_input_grad) - 2)
