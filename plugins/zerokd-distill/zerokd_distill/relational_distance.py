"""Distances between the regions of an image."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

import zerokd
from zerokd import Loss, Port
from zerokd_distill.regions import pair_regions

EPSILON = 1e-12  # added to squared distances: the slope of a root is infinite at 0


def relational_distance(student: Tensor, teacher: Tensor, side: int = 4) -> Tensor:
    """Huber penalty of the relative distances of every two regions, per image.

    Args:
        student: (N, C, H, W), any range.
        teacher: (N, D, h, w), any range.
        side: regions a side.

    Returns:
        (N,), in [0, inf); 0 when both are equal.
    """
    distances = [_relative_distances(regions) for regions in pair_regions(student, teacher, side)]
    return smooth_l1_loss(distances[0], distances[1], reduction="none").mean(dim=1)


def _relative_distances(regions: Tensor) -> Tensor:
    """The distance of each pair over the mean of all: (N, P(P-1)/2)."""
    first, second = torch.triu_indices(regions.shape[1], regions.shape[1], offset=1, device=regions.device)
    distances = ((regions[:, first] - regions[:, second]).square().sum(dim=2) + EPSILON).sqrt()
    return distances / distances.mean(dim=1, keepdim=True)


@final
class RelationalDistance(Loss):
    r"""Rewards a student for which regions are as far from each other as for the teacher, in any space of features.

    Formula: mean over pairs of regions of $\ell(\psi^s_{ij} - \psi^t_{ij})$ with
    $\psi_{ij} = \lVert x_i - x_j \rVert / \mu$, $\mu$ the mean of all distances and $\ell$ the Huber function with
    $\delta = 1$.
    Returns: (N,), in [0, inf), 0 exactly when all relative distances are equal.
    Scale: mean over pairs; distances are relative to their mean.
    Source: the distance-wise loss of relational knowledge distillation (Park et al., CVPR 2019). *Differs:* regions of
    one image take the place of the images of a batch, since a value must not depend on other images.
    Pitfalls: it does not see a shift, a rotation or a scale of all features. On a flat image all distances are 0, and
    their ratios are noise.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, 0.0]]).view(2, 1, 1, 1, 3)
        >>> RelationalDistance()(student=student, teacher=teacher)  # distances 1, 2, 1 and 1, 0, 1, over their means
        tensor([0.5208])
    """

    class Config(zerokd.Config):
        side: int = Field(4, ge=2, le=16, description="regions a side, or pixels a side where there are fewer")

    ports = {
        "student": Port("the student's feature map", grad=True, example="student.features.e_conv1"),
        "teacher": Port("the teacher's feature map", example="teacher.features.e_conv1"),
    }
    best_on = ("identical",)
    worsens_with = ("noise",)

    def min_size(self) -> int:
        return 2

    def forward(self, *, student: Tensor, teacher: Tensor) -> Tensor:
        return relational_distance(student, teacher, self.config.side)
