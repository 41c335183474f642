"""A costly loss of a batch, with the memory that one image takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


def image_by_image(function: Callable[..., Tensor], moving: Tensor, *fixed: Tensor) -> Tensor:
    """``function(moving, *fixed)``, values (N,), for one image after the other.

    Where gradient is asked for, the slope at ``moving`` is computed with the value, and the tensors in between are let
    go before the next image: those of a whole batch never stand in memory together. Gradient reaches ``moving`` alone.
    A GPU gets the batch at once, since its memory is as fast for many images as for one, and a compiler the function as
    it is.

    Args:
        function: from images (n, ...) to their values (n,); an image's value is its own.
        moving: (N, ...), what the gradient is taken at.
        fixed: (N, ...), what else the function reads.
    """
    if _at_once(moving):
        return function(moving, *fixed)
    if not (torch.is_grad_enabled() and moving.requires_grad):
        return torch.cat([function(*images) for images in _rows(moving, *fixed)])
    value: Tensor = _OneByOne.apply(function, moving, *fixed)
    return value


def each_alone(function: Callable[[Tensor], Iterable[Tensor]], images: Tensor) -> tuple[Tensor, ...]:
    """The tensors (N, ...) that a function makes of images (N, ...), with the bits that it gives each alone."""
    if len(images) == 1 or _at_once(images):
        return tuple(function(images))
    return tuple(map(torch.cat, zip(*(tuple(function(one)) for one in images.split(1)), strict=True)))


def _at_once(images: Tensor) -> bool:
    return images.device.type != "cpu" or torch.compiler.is_compiling()


def _rows(*batches: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(one.split(1) for one in batches), strict=True)


class _OneByOne(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], moving: Tensor, *fixed: Tensor) -> Tensor:
        values: list[Tensor] = []
        slopes: list[Tensor] = []
        for one, *others in _rows(moving, *fixed):
            with torch.enable_grad():
                image = one.detach().requires_grad_()
                value = function(image, *others)
                slopes += torch.autograd.grad(value.sum(), image)
            values.append(value.detach())
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(values)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return None, slope.view(-1, *[1] * (slopes.ndim - 1)) * slopes, *[None] * (len(ctx.needs_input_grad) - 2)
