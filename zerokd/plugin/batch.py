"""The images of one step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from attrs import evolve, frozen
from torch import Tensor


def derive_seed(*key: object) -> int:
    """A number below 2^63 that depends on ``key`` alone."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1


def create_generator(*key: object) -> torch.Generator:
    """A CPU random generator that depends on ``key`` alone."""
    return torch.Generator().manual_seed(derive_seed(*key))


@frozen(eq=False)
class Batch:
    """Some images of a step.

    ``tensors`` are (N, ...) by signal: ``low`` is (N, 3, H, W) float32 in [0, 1], augmented; the others are what the
    data source has beside it. ``names`` identify the images. ``seed_key`` and ``epoch`` decide random numbers.
    """

    tensors: Mapping[str, Tensor]
    names: tuple[str, ...]
    epoch: int = 0
    step: int = 0
    seed_key: tuple[object, ...] = ()

    @classmethod
    def from_images(cls, low: Tensor) -> Batch:
        """A batch of low-light images (N, 3, H, W) and nothing else, named by their position."""
        return cls({"low": low}, tuple(map(str, range(len(low)))))

    @property
    def low(self) -> Tensor:
        return self.tensors["low"]

    def generators(self, purpose: str) -> list[torch.Generator]:
        """A random generator for each image, which depends on (seed, stage, epoch, image, purpose) alone."""
        return [create_generator(*self.seed_key, self.epoch, name, purpose) for name in self.names]

    def select(self, images: slice) -> Batch:
        """The batch of some of its images."""
        tensors = {name: tensor[images] for name, tensor in self.tensors.items()}
        return evolve(self, tensors=tensors, names=self.names[images])
