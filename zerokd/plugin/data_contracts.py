"""The contracts of what images come from: data sources and augmentations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from zerokd.plugin.component import Component
from zerokd.plugin.config import Config


class Augmentation(Component):
    """A random change of an image. Drawing and applying are separate, so that a draw depends on (seed, stage, epoch,
    image) alone, and applying runs on whole batches on any device.

    ``changes`` declares which tensors of an image a stage applies it to: ``"low"``, its low-light ones, as a change of
    exposure or noise does; or ``"all"``, those and its references alike, as a change of geometry must.
    """

    changes: ClassVar[Literal["low", "all"]] = "low"

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw the random numbers for one image, float32, always of the same shape; an empty tensor if it needs
        none."""
        raise NotImplementedError

    def apply(self, low: Tensor, draws: Tensor) -> Tensor:
        """Change ``low`` (N, C, H, W) in [0, 1] by ``draws`` (N, ...); returns as many images in the same range."""
        raise NotImplementedError

    def apply_to_all(self, tensors: Mapping[str, Tensor], draws: Tensor) -> dict[str, Tensor]:
        """Change several tensors of the same images alike."""
        return {name: self.apply(tensor, draws) for name, tensor in tensors.items()}


class DataConfig(Config):
    """The config keys of every data source; ``--data DIR`` keeps their values."""

    size: int = Field(128, ge=16, le=4096, description="side of the square training images, pixels")
    held_out: float = Field(0.1, ge=0.0, le=0.5, description="share of the images held out from training")


class Data(Component):
    """An indexed set of low-light images, decoded to uint8 RGB ``(3, size, size)``. Deterministic: the same index gives
    the same bytes. ``rejected`` lists unusable files as (name, reason).

    ``signals`` are the tensors of an image that terms may read: ``low``, and what :meth:`tensor` returns beside it.
    ``low_signals`` are the low-light images among them, such as the next frame of a video, which an augmentation of the
    exposure changes as it changes ``low``.
    """

    Config = DataConfig
    rejected: tuple[tuple[str, str], ...] = ()
    signals: tuple[str, ...] = ("low",)
    low_signals: tuple[str, ...] = ("low",)

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> Tensor:
        raise NotImplementedError

    def name(self, index: int) -> str:
        """Return a stable identity of the image: its path below the folder, or ``dead_leaves/17``."""
        raise NotImplementedError

    def reference(self, index: int) -> Tensor | None:
        """Return the well-lit version, uint8 RGB of the same shape, or None. Metrics read it; terms only if
        ``reference`` is one of the ``signals``."""
        return None

    def tensor(self, index: int, signal: str) -> Tensor:
        """Return the tensor of one of the ``signals``, uint8 ``(C, H, W)``, of one shape for all images."""
        image = self[index] if signal == "low" else self.reference(index) if signal == "reference" else None
        if image is None:
            raise ValueError(f"{self.name(index)!r} has no {signal!r}")
        return image


def count_held_out(images: int, share: float) -> int:
    """Return how many images to hold out: the share, rounded, but at least one image trains."""
    return min(round(images * share), images - 1)
