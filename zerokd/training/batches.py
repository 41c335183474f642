"""The batch of each step and its augmentation: a pure function of (seed, stage, epoch, image)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch
from attrs import evolve
from torch import Tensor

from zerokd.errors import RecipeError
from zerokd.objective.signal_name import LOW
from zerokd.objective.stage_plan import StagePlan
from zerokd.objective.view import select_input_names
from zerokd.plugin.batch import Batch, create_generator, derive_seed
from zerokd.plugin.contracts import Data, count_held_out
from zerokd.plugin.error_attribution import attribute_errors


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
        got = _describe_image(image)
        if got != f"torch.uint8 {shape}":
            raise RecipeError(f"data source {source!r} must give torch.uint8 {shape}, got {got}")


def _describe_image(image: object) -> str:
    return f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__


def to_float_batch(images: Sequence[Tensor], device: torch.device) -> Tensor:
    """uint8 images as one batch (N, C, H, W), float32 in [0, 1]."""
    return torch.stack(list(images)).to(device).float().div_(255)


def iterate_batches(
    data: Data, indices: Sequence[int], stage: StagePlan, seed: int, device: torch.device, first_step: int = 0
) -> Iterator[Batch]:
    """The batches of a stage from ``first_step`` on, epoch by epoch, each epoch in an order of its own."""
    read_tensor = create_tensor_reader(data, len(indices), stage.data_signals, device)
    read = select_input_names([term for player in stage.players for term in player.terms], stage.views)
    random_views = [view for name, view in stage.views.items() if name in read and view.is_random]
    for epoch in range(stage.epochs):
        order = torch.randperm(len(indices), generator=create_generator(seed, stage.name, epoch)).tolist()
        for step, start in enumerate(range(0, len(order), stage.batch_size), epoch * stage.clock.steps_per_epoch):
            if step < first_step:
                continue
            batch_indices = [indices[position] for position in order[start : start + stage.batch_size]]
            with attribute_errors(f"data or augmentation of stage {stage.name!r}"):
                batch = _load_batch(data, batch_indices, stage, read_tensor, device, (epoch, step, seed))
                draws = {view.draws_name: view.draw(batch.generators(view.name)).to(device) for view in random_views}
            yield evolve(batch, tensors={**batch.tensors, **draws}) if draws else batch


def _load_batch(
    data: Data,
    indices: Sequence[int],
    stage: StagePlan,
    read_tensor: Callable[[int, str], Tensor],
    device: torch.device,
    moment: tuple[int, int, int],
) -> Batch:
    """Some images with their augmentations; ``moment`` is epoch, step and seed."""
    epoch, step, seed = moment
    names = tuple(map(data.name, indices))
    tensors = {
        signal: to_float_batch([read_tensor(index, signal) for index in indices], device)
        for signal in stage.data_signals
    }
    for position, augmentation in enumerate(stage.augmentations):
        keys = [(seed, stage.name, epoch, name, position) for name in names]
        draws = torch.stack([augmentation.draw(create_generator(*key)) for key in keys])
        changed = tensors.keys() if augmentation.changes == "all" else tensors.keys() & {*data.low_signals}
        part = {name: tensor for name, tensor in tensors.items() if name in changed}
        tensors |= augmentation.apply_to_all(part, draws.to(device))
        for name, tensor in tensors.items():
            if tensor.shape[0] != len(names) or (name == LOW and tensor.shape[1] != 3):
                raise ValueError(f"an augmentation returned {tuple(tensor.shape)} for {len(names)} images")
    return Batch(tensors, names, epoch, step, (seed, stage.name))


def create_tensor_reader(
    data: Data, image_count: int, signals: Sequence[str], device: torch.device
) -> Callable[[int, str], Tensor]:
    """A function from an image's index and a signal to its uint8 tensor; a GPU that has room for all keeps them."""
    size = len(signals) * image_count * 3 * data.config.size**2
    if device.type == "cpu" or size > _free_device_memory(device) // 4:
        return data.tensor
    return cache(lambda index, signal: data.tensor(index, signal).to(device))


def _free_device_memory(device: torch.device) -> int:
    """Free bytes of a device's memory; 0 if it cannot report them."""
    mem_get_info = getattr(torch.get_device_module(device), "mem_get_info", None)
    return mem_get_info(device)[0] if mem_get_info else 0
