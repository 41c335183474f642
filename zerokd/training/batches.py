"""Which images a step sees, and how they are augmented: a pure function of (seed, stage, epoch, image)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import RecipeError
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.blame import attribute_errors
from zerokd.plugin.contracts import Data, count_held_out


@frozen(eq=False)
class Batch:
    """``low`` is (N, 3, H, W) float32 in [0, 1], augmented; ``names`` are the images' identities."""

    epoch: int
    low: Tensor
    names: tuple[str, ...]


def derive_seed(*key: object) -> int:
    """A number below 2^63 decided by ``key`` alone."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1


def create_generator(*key: object) -> torch.Generator:
    """A random generator decided by ``key`` alone, whatever was drawn before."""
    return torch.Generator().manual_seed(derive_seed(*key))


def seed_global_generators(device: torch.device, *key: object) -> None:
    """Have ``key`` decide what is drawn next without a generator. PyTorch's own function for that also keeps a trace of
    the stack for each kind of device that is not in use, which takes longer than many a term."""
    torch.default_generator.manual_seed(derive_seed(*key))
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(derive_seed(*key))


def split_held_out(data: Data, held_out: float) -> tuple[list[int], list[int]]:
    """Indices to train on and indices held out, the same in every stage and for every seed.

    The hash of an image's own name decides, so that one photo more moves at most one other across. At least one trains.
    """
    ranked = sorted(range(len(data)), key=lambda index: hashlib.sha256(data.name(index).encode()).digest())
    count = count_held_out(len(data), held_out)
    return sorted(ranked[count:]), sorted(ranked[:count])


def validate_data_source(data: Data, source: str) -> None:
    """Refuse a data source that does not keep its contract.

    Raises:
        RecipeError: it is empty, its names are not unique texts, or its first image is no uint8 RGB of its size.
    """
    with attribute_errors(f"data source {source!r}"):
        names = [data.name(index) for index in range(len(data))]
        if not names:
            raise RecipeError(f"data source {source!r} has no image")
        if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise RecipeError(f"data source {source!r} must give every image a name of its own")
        image, wanted = data[0], (3, data.config.size, data.config.size)
        got = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        if got != f"torch.uint8 {wanted}":
            raise RecipeError(f"data source {source!r} must give torch.uint8 {wanted}, got {got}")


def to_float_batch(images: Sequence[Tensor], device: torch.device) -> Tensor:
    """uint8 images as one batch (N, 3, H, W), float32 in [0, 1]."""
    return torch.stack(list(images)).to(device).float().div_(255)


def iterate_batches(
    data: Data, indices: Sequence[int], stage: StagePlan, seed: int, device: torch.device, first_step: int = 0
) -> Iterator[Batch]:
    """Every batch of a stage after the first ``done``, epoch after epoch, each epoch in its own order."""
    read = create_image_reader(data, len(indices), device)
    for epoch in range(stage.epochs):
        order = torch.randperm(len(indices), generator=create_generator(seed, stage.name, epoch)).tolist()
        for number, start in enumerate(range(0, len(order), stage.batch_size), epoch * stage.clock.steps_per_epoch):
            if number < first_step:
                continue
            with attribute_errors(f"data or augmentation of stage {stage.name!r}"):
                chosen = [indices[place] for place in order[start : start + stage.batch_size]]
                low, names = to_float_batch(list(map(read, chosen)), device), tuple(map(data.name, chosen))
                for position, augmentation in enumerate(stage.augmentations):
                    keys = [(seed, stage.name, epoch, name, position) for name in names]
                    draws = torch.stack([augmentation.draw(create_generator(*key)) for key in keys])
                    low = augmentation.apply(low, draws.to(device))
                    if low.shape[:2] != (len(names), 3):
                        raise ValueError(f"an augmentation returned {tuple(low.shape)} for {len(names)} images")
            yield Batch(epoch, low, names)


def create_image_reader(data: Data, image_count: int, device: torch.device) -> Callable[[int], Tensor]:
    """How an image is had by its index. Where a device that is not the CPU has room for so many, each is sent there
    once and stays."""
    if device.type == "cpu" or image_count * 3 * data.config.size**2 > _free_device_memory(device) // 4:
        return data.__getitem__
    return cache(lambda index: data[index].to(device))


def _free_device_memory(device: torch.device) -> int:
    """Bytes of a device's memory that are free; 0 where it does not tell."""
    told = getattr(torch.get_device_module(device), "mem_get_info", None)
    return told(device)[0] if told else 0
