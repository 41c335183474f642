"""Angles between the regions of an image."""

from __future__ import annotations

from typing import final

from pydantic import Field
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

import zerokd
from zerokd import Loss, Port
from zerokd_distill.regions import multiply_by_transpose, pair_regions

EPSILON = 1e-12  # added to squared distances: the slope of a root is infinite at 0


def relational_angle(student: Tensor, teacher: Tensor, side: int = 4) -> Tensor:
    """Huber penalty of the cosines of the angles that every three regions form, per image.

    Args:
        student: (N, C, H, W), any range.
        teacher: (N, D, h, w), any range.
        side: regions a side; their number cubed is the number of angles.

    Returns:
        (N,), in [0, 1.5]; 0 when both are equal.
    """
    angles = [_cosines(regions) for regions in pair_regions(student, teacher, side)]
    count = angles[0].shape[1]
    penalties = smooth_l1_loss(angles[0], angles[1], reduction="none").sum(dim=(1, 2, 3))
    return penalties / (count * (count - 1) * (count - 2))  # those with a region twice are alike in both


def _cosines(regions: Tensor) -> Tensor:
    """The cosine at region j between the directions to i and k: (N, j, i, k)."""
    differences = regions.unsqueeze(1) - regions.unsqueeze(2)
    directions = differences / (differences.square().sum(dim=3, keepdim=True) + EPSILON).sqrt()
    return multiply_by_transpose(directions, directions)


@final
class RelationalAngle(Loss):
    r"""Rewards a student for which three regions form the same angles as for the teacher, in any space of features.

    Formula: mean over triples of $\ell(\cos^s_{ijk} - \cos^t_{ijk})$ with
    $\cos_{ijk} = \langle e_{ij}, e_{kj} \rangle$, $e_{ij} = (x_i - x_j) / \lVert x_i - x_j \rVert$ and $\ell$ the Huber
    function with $\delta = 1$.
    Returns: (N,), in [0, 1.5], 0 exactly when all angles are equal.
    Scale: mean over triples of regions.
    Source: the angle-wise loss of relational knowledge distillation (Park et al., CVPR 2019). *Differs:* regions of one
    image take the place of the images of a batch, since a value must not depend on other images.
    Pitfalls: it does not see a shift, a rotation or a scale of all features. With one channel, every angle is 0 or 180
    degrees. On a flat image there are no directions, and the value is noise.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, -1.0]]).view(2, 1, 1, 1, 3)
        >>> RelationalAngle()(student=student, teacher=teacher)  # the middle is the second, and the first
        tensor([1.])
    """

    class Config(zerokd.Config):
        side: int = Field(4, ge=2, le=16, description="regions a side, or pixels a side where there are fewer")

    ports = {
        "student": Port("the student's feature map", grad=True, example="student.features.e_conv1"),
        "teacher": Port("the teacher's feature map", example="teacher.features.e_conv1"),
    }
    bounds = (0.0, 1.5)
    best_on = ("identical",)
    worsens_with = ("noise",)

    def min_size(self) -> int:
        return 2

    def forward(self, *, student: Tensor, teacher: Tensor) -> Tensor:
        return relational_angle(student, teacher, self.config.side)
