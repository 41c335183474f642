"""The batch of each step and its augmentation: a pure function of (seed, stage, epoch, image)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import RecipeError
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.contracts import Data
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.recipe.build.held_out import count_held_out


@frozen(eq=False)
class Batch:
    """``low`` is (N, 3, H, W) float32 in [0, 1], augmented; ``names`` identify the images."""

    epoch: int
    low: Tensor
    names: tuple[str, ...]


def derive_seed(*key: object) -> int:
    """A number below 2^63 that depends on ``key`` alone."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1


def create_generator(*key: object) -> torch.Generator:
    """A CPU random generator that depends on ``key`` alone."""
    return torch.Generator().manual_seed(derive_seed(*key))


def seed_global_generators(device: torch.device, *key: object) -> None:
    """Seed PyTorch's global generators of the CPU and of ``device`` by ``key``.

    ``torch.manual_seed`` also records a stack trace for each kind of device that is not in use, which takes longer than
    many terms do.
    """
    torch.default_generator.manual_seed(derive_seed(*key))
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(derive_seed(*key))


def split_held_out(data: Data, held_out: float) -> tuple[list[int], list[int]]:
    """Indices to train on and indices held out, the same in every stage and for every seed.

    The hash of an image's own name decides, so that adding one photo moves at most one other. At least one image
    trains.
    """
    ranked = sorted(range(len(data)), key=lambda index: hashlib.sha256(data.name(index).encode()).digest())
    count = count_held_out(len(data), held_out)
    return sorted(ranked[count:]), sorted(ranked[:count])


def validate_data_source(data: Data, source: str) -> None:
    """Check that a data source keeps its contract.

    Raises:
        RecipeError: it is empty, its names are not unique strings, or its first image is not uint8 RGB of its size.
    """
    with attribute_errors(f"data source {source!r}"):
        names = [data.name(index) for index in range(len(data))]
        if not names:
            raise RecipeError(f"data source {source!r} has no image")
        if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise RecipeError(f"data source {source!r} must give every image a unique name")
        image, shape = data[0], (3, data.config.size, data.config.size)
        got = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        if got != f"torch.uint8 {shape}":
            raise RecipeError(f"data source {source!r} must give torch.uint8 {shape}, got {got}")


def to_float_batch(images: Sequence[Tensor], device: torch.device) -> Tensor:
    """uint8 images as one batch (N, 3, H, W), float32 in [0, 1]."""
    return torch.stack(list(images)).to(device).float().div_(255)


def iterate_batches(
    data: Data, indices: Sequence[int], stage: StagePlan, seed: int, device: torch.device, first_step: int = 0
) -> Iterator[Batch]:
    """The batches of a stage from ``first_step`` on, epoch by epoch, each epoch in an order of its own."""
    read_image = create_image_reader(data, len(indices), device)
    for epoch in range(stage.epochs):
        order = torch.randperm(len(indices), generator=create_generator(seed, stage.name, epoch)).tolist()
        for step, start in enumerate(range(0, len(order), stage.batch_size), epoch * stage.clock.steps_per_epoch):
            if step < first_step:
                continue
            with attribute_errors(f"data or augmentation of stage {stage.name!r}"):
                batch_indices = [indices[position] for position in order[start : start + stage.batch_size]]
                low = to_float_batch(list(map(read_image, batch_indices)), device)
                names = tuple(map(data.name, batch_indices))
                for position, augmentation in enumerate(stage.augmentations):
                    keys = [(seed, stage.name, epoch, name, position) for name in names]
                    draws = torch.stack([augmentation.draw(create_generator(*key)) for key in keys])
                    low = augmentation.apply(low, draws.to(device))
                    if low.shape[:2] != (len(names), 3):
                        raise ValueError(f"an augmentation returned {tuple(low.shape)} for {len(names)} images")
            yield Batch(epoch, low, names)


def create_image_reader(data: Data, image_count: int, device: torch.device) -> Callable[[int], Tensor]:
    """A function from an image's index to its uint8 pixels; a GPU that has room for all images keeps them."""
    if device.type == "cpu" or image_count * 3 * data.config.size**2 > _free_device_memory(device) // 4:
        return data.__getitem__
    return cache(lambda index: data[index].to(device))


def _free_device_memory(device: torch.device) -> int:
    """Free bytes of a device's memory; 0 if it cannot report them."""
    mem_get_info = getattr(torch.get_device_module(device), "mem_get_info", None)
    return mem_get_info(device)[0] if mem_get_info else 0
