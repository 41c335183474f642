"""Which regions resemble each other."""

from __future__ import annotations

from typing import final

from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port
from zerokd_distill.regions import multiply_by_transpose, pair_regions

EPSILON = 1e-12  # added to squared lengths: features of 0 have similarities of 0


def similarity_preserving(student: Tensor, teacher: Tensor, side: int = 8) -> Tensor:
    """Mean squared difference of the similarities of every two regions, per image.

    Args:
        student: (N, C, H, W), any range.
        teacher: (N, D, h, w), any range.
        side: regions a side.

    Returns:
        (N,), in [0, 4]; 0 when both are equal.
    """
    similarities = [_similarities(regions) for regions in pair_regions(student, teacher, side)]
    return (similarities[0] - similarities[1]).square().mean(dim=(1, 2))


def _similarities(regions: Tensor) -> Tensor:
    """Products of every two regions, each row scaled to length 1: (N, P, P)."""
    products = multiply_by_transpose(regions, regions) / regions.shape[2]
    return products / (products.square().sum(dim=2, keepdim=True) + EPSILON).sqrt()


@final
class SimilarityPreserving(Loss):
    r"""Rewards a student for which the same regions resemble each other as for the teacher, in any space of features.

    Formula: $\frac{1}{P^2}\sum_{i,j} (G^s_{ij} - G^t_{ij})^2$, each row of $G$ that of $\tilde G = X X^\top$ over its
    length, $X$ the features of $P$ regions.
    Returns: (N,), in [0, 4], 0 exactly when all similarities are equal.
    Scale: mean over pairs of regions.
    Source: similarity-preserving knowledge distillation (Tung and Mori, ICCV 2019). *Differs:* regions of one image
    take the place of the images of a batch, as in Liu et al. (CVPR 2019), since a value must not depend on the others.
    Pitfalls: after a ReLU all features are positive and all regions similar: the value is small. A scale or a rotation
    of all features does not count.

    Example:
        >>> import torch
        >>> first, second = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2), torch.tensor([1.0, 1.0]).view(1, 1, 1, 2)
        >>> SimilarityPreserving()(student=first, teacher=second)
        tensor([0.3964])
    """

    class Config(zerokd.Config):
        side: int = Field(8, ge=2, le=32, description="regions a side, or pixels a side where there are fewer")

    ports = {
        "student": Port("the student's feature map", grad=True, example="student.features.e_conv1"),
        "teacher": Port("the teacher's feature map", example="teacher.features.e_conv1"),
    }
    bounds = (0.0, 4.0)
    best_on = ("identical",)
    worsens_with = ("noise",)

    def min_size(self) -> int:
        return 2

    def forward(self, *, student: Tensor, teacher: Tensor) -> Tensor:
        return similarity_preserving(student, teacher, self.config.side)
