"""Random parts of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Augmentation


@final
class RandomCrop(Augmentation):
    """Cuts a part with ``share`` of each side out of an image, and the same part out of its reference and further
    frames; in one of k times the size the part is k times as large.

    Source: common practice.

    Example:
        >>> ramp = torch.arange(4.0).expand(1, 1, 4, 4) / 4
        >>> RandomCrop(share=0.5).apply(ramp, torch.tensor([[0.0, 0.99]]))
        tensor([[[[0.5000, 0.7500],
                  [0.5000, 0.7500]]]])
    """

    class Config(zerokd.Config):
        share: float = Field(0.5, gt=0.0, lt=1.0, description="side of the part, as a share of that of the image")

    changes = "all"

    def draw(self, generator: torch.Generator) -> Tensor:
        return torch.rand(2, generator=generator)

    def apply(self, low: Tensor, draws: Tensor) -> Tensor:
        return self._crop(low, draws, low, 1)

    def apply_to_all(self, tensors: Mapping[str, Tensor], draws: Tensor) -> dict[str, Tensor]:
        low = tensors["low"]
        scales = {name: tensor.shape[2] / low.shape[2] for name, tensor in tensors.items()}
        for name, tensor in tensors.items():
            if scales[name] != int(scales[name]) or tensor.shape[3] != scales[name] * low.shape[3]:
                sizes = f"{tuple(low.shape[2:])} and {name} is {tuple(tensor.shape[2:])}"
                raise ValueError(f"random_crop needs tensors of k times the size of low, which is {sizes}")
        return {name: self._crop(tensor, draws, low, int(scales[name])) for name, tensor in tensors.items()}

    def _crop(self, image: Tensor, draws: Tensor, low: Tensor, scale: int) -> Tensor:
        """The part of each image, as row and column indices, which work on any device."""
        rows, columns = (self._positions(length, draws[:, axis], scale) for axis, length in enumerate(low.shape[2:]))
        cut = image.gather(2, rows.view(len(image), 1, -1, 1).expand(-1, image.shape[1], -1, image.shape[3]))
        return cut.gather(3, columns.view(len(image), 1, 1, -1).expand(-1, image.shape[1], cut.shape[2], -1))

    def _positions(self, length: int, draws: Tensor, scale: int) -> Tensor:
        """The indices of each image's part along one axis of ``length`` pixels, (N, part x scale)."""
        part = max(1, round(self.config.share * length))
        start = (draws * (length - part + 1)).floor().long().clamp_(max=length - part)
        return scale * start[:, None] + torch.arange(scale * part, device=draws.device)
