"""A costly loss of a batch, with the memory that one image takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


def evaluate_per_image(function: Callable[..., Tensor], input_images: Tensor, *constants: Tensor) -> Tensor:
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
    if _runs_as_batch(input_images):
        return function(input_images, *constants)
    if not (torch.is_grad_enabled() and input_images.requires_grad):
        return torch.cat([function(*images) for images in _split_images(input_images, *constants)])
    value: Tensor = _PerImageFunction.apply(function, input_images, *constants)
    return value


def map_per_image(function: Callable[[Tensor], Iterable[Tensor]], images: Tensor) -> tuple[Tensor, ...]:
    """The tensors (N, ...) that a function makes of images (N, ...), with the bits that it gives each alone."""
    if len(images) == 1 or _runs_as_batch(images):
        return tuple(function(images))
    return tuple(map(torch.cat, zip(*(tuple(function(one)) for one in images.split(1)), strict=True)))


def _runs_as_batch(images: Tensor) -> bool:
    return images.device.type != "cpu" or torch.compiler.is_compiling()


def _split_images(*batches: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(batch.split(1) for batch in batches), strict=True)


class _PerImageFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], input_images: Tensor, *constants: Tensor) -> Tensor:
        values: list[Tensor] = []
        slopes: list[Tensor] = []
        for one, *others in _split_images(input_images, *constants):
            with torch.enable_grad():
                image = one.detach().requires_grad_()
                value = function(image, *others)
                slopes += torch.autograd.grad(value.sum(), image)
            values.append(value.detach())
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(values)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return None, grad_output.view(-1, *[1] * (slopes.ndim - 1)) * slopes, *[None] * (len(ctx.needs_input_grad) - 2)
