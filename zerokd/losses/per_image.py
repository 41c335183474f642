"""Evaluate an expensive loss image by image, with the memory of a single image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


def evaluate_per_image(function: Callable[..., Tensor], input_images: Tensor, *constants: Tensor) -> Tensor:
    """Evaluate ``function(input_images, *constants)`` image by image; returns values (N,).

    If gradient is required, each image's gradient is computed with its value, which frees its intermediate tensors
    before the next image. Gradient reaches ``input_images`` alone. On a GPU, where a batch is faster, and under a
    compiler the function gets the whole batch.

    Args:
        function: maps images (n, ...) to their values (n,); an image's value depends on that image alone.
        input_images: (N, ...), the images that the gradient is taken at.
        constants: (N, ...), the other arguments of the function.
    """
    if _runs_as_batch(input_images):
        return function(input_images, *constants)
    if not (torch.is_grad_enabled() and input_images.requires_grad):
        return torch.cat([function(*images) for images in _split_images(input_images, *constants)])
    value: Tensor = _PerImageFunction.apply(function, input_images, *constants)
    return value


def map_per_image(function: Callable[[Tensor], Iterable[Tensor]], images: Tensor) -> tuple[Tensor, ...]:
    """Map images (N, ...) to tensors (N, ...) one by one, so that the result's bits do not depend on the batch."""
    if len(images) == 1 or _runs_as_batch(images):
        return tuple(function(images))
    return tuple(map(torch.cat, zip(*(tuple(function(image)) for image in images.split(1)), strict=True)))


def _runs_as_batch(images: Tensor) -> bool:
    return images.device.type != "cpu" or torch.compiler.is_compiling()


def _split_images(*batches: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(batch.split(1) for batch in batches), strict=True)


class _PerImageFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], input_images: Tensor, *constants: Tensor) -> Tensor:
        values: list[Tensor] = []
        slopes: list[Tensor] = []
        for image, *others in _split_images(input_images, *constants):
            with torch.enable_grad():
                leaf = image.detach().requires_grad_()
                value = function(leaf, *others)
                slopes += torch.autograd.grad(value.sum(), leaf)
            values.append(value.detach())
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(values)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return None, grad_output.view(-1, *[1] * (slopes.ndim - 1)) * slopes, *[None] * (len(ctx.needs_input_grad) - 2)
