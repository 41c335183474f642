"""Which images a step sees, and how they are augmented: a pure function of (seed, stage, epoch, image)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import torch
from attrs import frozen
from torch import Tensor

from zerokd.plugin.contracts import Data
from zerokd.recipe.components import Phase


@frozen(eq=False)
class Batch:
    """``low`` is (N, 3, H, W) float32 in [0, 1], augmented; ``names`` are the images' identities."""

    epoch: int
    low: Tensor
    names: tuple[str, ...]


def generator(*key: object) -> torch.Generator:
    """A random generator decided by ``key`` alone, whatever was drawn before."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def split(data: Data, held_out: float) -> tuple[list[int], list[int]]:
    """Indices to train on and indices held out, the same in every stage and for every seed.

    An image's own name decides, so that adding photos moves none of the others across. At least one image trains.
    """
    ranked = sorted(range(len(data)), key=lambda index: hashlib.sha256(data.name(index).encode()).digest())
    count = min(round(len(data) * held_out), len(data) - 1)
    return sorted(ranked[count:]), sorted(ranked[:count])


def to_float(images: Sequence[Tensor], device: torch.device) -> Tensor:
    """uint8 images as one batch (N, 3, H, W), float32 in [0, 1]."""
    return torch.stack(list(images)).to(device, memory_format=torch.channels_last).float() / 255


def batches(data: Data, indices: Sequence[int], phase: Phase, seed: int, device: torch.device) -> Iterator[Batch]:
    """Every batch of a stage, epoch after epoch, each epoch in its own order."""
    for epoch in range(phase.epochs):
        order = torch.randperm(len(indices), generator=generator(seed, phase.name, epoch)).tolist()
        for start in range(0, len(order), phase.batch):
            chosen = [indices[place] for place in order[start : start + phase.batch]]
            low = to_float([data[index] for index in chosen], device)
            names = tuple(data.name(index) for index in chosen)
            for position, augmentation in enumerate(phase.augmentations):
                draws = [augmentation.draw(generator(seed, phase.name, epoch, name, position)) for name in names]
                low = augmentation.apply(low, torch.stack(draws).to(device))
            yield Batch(epoch, low, names)
