"""Which regions of an image resemble each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Adapter, Signal

EPSILON = 1e-6  # added to the length of a row: features of 0 have similarities of 0


def pairwise_similarity(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Similarity of every two regions of an image, in float32 or wider outside autocast.

    Args:
        features: (N, C, H, W), any range.
        size: rows and columns of regions, at most H and W; P is their product.

    Returns:
        (N, 1, P, P), in [-1, 1]; each row has length 1.
    """
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    regions = F.adaptive_avg_pool2d(wide, size).flatten(2)
    products = regions.transpose(1, 2) @ regions / regions.shape[1]
    return (products / (products.square().sum(dim=2, keepdim=True) + EPSILON**2).sqrt()).unsqueeze(1)


@final
class PairwiseSimilarity(Adapter):
    r"""Replaces every tensor by the similarities of its regions, so that layers of any widths are comparable.

    Formula: $G_{ij} = \tilde G_{ij} / \lVert \tilde G_i \rVert_2$ with
    $\tilde G_{ij} = \frac{1}{C}\sum_c r_{ci}\, r_{cj}$, $r$ the means of ``side`` x ``side`` regions; a tensor
    (N, 1, P, P) for P regions.
    Source: similarity-preserving distillation (Tung and Mori, ICCV 2019). *Differs:* regions of one image take the
    place of the images of a batch, as in Liu et al. (CVPR 2019), since a value must not depend on other images.

    Example:
        >>> import torch
        >>> similarities = PairwiseSimilarity()({"student": torch.tensor([3.0, 4.0]).view(1, 1, 1, 2)})["student"]
        >>> similarities.squeeze()
        tensor([[0.6000, 0.8000],
                [0.6000, 0.8000]])
    """

    class Config(zerokd.Config):
        side: int = Field(8, ge=2, le=32, description="regions a side, or pixels a side where there are fewer")

    is_per_port = True
    example = ("student.features.e_conv1", "teacher.features.e_conv1")

    def __init__(self, **options: object):
        super().__init__(**options)
        self._size: tuple[int, int] | None = None

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        self._size = self._count_regions(signal.shape for signal in signals.values())
        regions = self._size[0] * self._size[1]
        return {port: Signal(shape=(1, regions, regions), range=(-1.0, 1.0)) for port in signals}

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        size = self._size or self._count_regions(tensor.shape for tensor in tensors.values())
        return {port: pairwise_similarity(tensor, size) for port, tensor in tensors.items()}

    def _count_regions(self, shapes: Iterable[tuple[int, ...]]) -> tuple[int, int]:
        sizes = [shape[-2:] for shape in shapes]
        side = self.config.side
        return min(side, *(height for height, _ in sizes)), min(side, *(width for _, width in sizes))
