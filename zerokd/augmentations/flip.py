"""An image and its mirror image."""

from __future__ import annotations

from typing import Literal, final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Augmentation

Axis = Literal["horizontal", "vertical"]
AXES: dict[Axis, int] = {"horizontal": 3, "vertical": 2}


@final
class Flip(Augmentation):
    """Mirrors every image, left to right or top to bottom; the same twice gives the image again.

    As a signal it is the second view for consistency: a student should brighten a mirrored photo as it brightens the
    photo.
    Source: common practice, such as Laine, Aila: Temporal ensembling for semi-supervised learning, ICLR 2017.

    Example:
        >>> Flip().apply(torch.tensor([[[[0.1, 0.2]]]]), torch.empty(1, 0))
        tensor([[[[0.2000, 0.1000]]]])
    """

    class Config(zerokd.Config):
        axis: Axis = Field("horizontal", description='"horizontal" mirrors left and right, "vertical" top and bottom')

    changes = "all"

    def draw(self, generator: torch.Generator) -> Tensor:
        return torch.empty(0)

    def apply(self, low: Tensor, draws: Tensor) -> Tensor:
        return low.flip(AXES[self.config.axis])
