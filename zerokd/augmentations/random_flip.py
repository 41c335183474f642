"""Random mirror images."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Augmentation
from zerokd.augmentations.flip import AXES, Axis


@final
class RandomFlip(Augmentation):
    """Mirrors an image with a ``probability``, together with its reference and further frames.

    Source: common practice.

    Example:
        >>> RandomFlip().apply(torch.tensor([[[[0.1, 0.2]]]]), torch.tensor([0.4]))
        tensor([[[[0.2000, 0.1000]]]])
    """

    class Config(zerokd.Config):
        axis: Axis = Field("horizontal", description='"horizontal" mirrors left and right, "vertical" top and bottom')
        probability: float = Field(0.5, gt=0.0, lt=1.0, description="share of the images that are mirrored")

    changes = "all"

    def draw(self, generator: torch.Generator) -> Tensor:
        return torch.rand((), generator=generator)

    def apply(self, low: Tensor, draws: Tensor) -> Tensor:
        is_flipped = (draws < self.config.probability).view(-1, 1, 1, 1)
        return torch.where(is_flipped, low.flip(AXES[self.config.axis]), low)
