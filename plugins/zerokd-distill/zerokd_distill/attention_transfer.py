"""Where student and teacher are active."""

from __future__ import annotations

from typing import final

from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port
from zerokd_distill.regions import pool_to_smaller, widen

EPSILON = 1e-12  # added to the mean square: a layer without any activity has an attention map of 0


def attention_transfer(student: Tensor, teacher: Tensor, power: float = 2.0) -> Tensor:
    """Mean squared difference of two attention maps, per image.

    Args:
        student: (N, C, H, W), any range.
        teacher: (N, D, h, w), any range; the larger map is averaged to the size of the smaller.
        power: activity is the absolute value to this power.

    Returns:
        (N,), in [0, 2]; 0 when both are equal.
    """
    first, second = pool_to_smaller(_activity(student, power), _activity(teacher, power))
    return (_normalize(first) - _normalize(second)).square().mean(dim=(1, 2, 3))


def _activity(features: Tensor, power: float) -> Tensor:
    return widen(features).abs().pow(power).mean(dim=1, keepdim=True)


def _normalize(activity: Tensor) -> Tensor:
    return activity / (activity.square().mean(dim=(2, 3), keepdim=True) + EPSILON).sqrt()


@final
class AttentionTransfer(Loss):
    r"""Rewards a student that is active where the teacher is, whatever the channels of both mean.

    Formula: $\frac{1}{HW}\sum_{i,j} (a^s_{ij} - a^t_{ij})^2$ with $a = q / \sqrt{\mathrm{mean}\,q^2}$ and
    $q_{ij} = \frac{1}{C}\sum_c |x_{cij}|^p$.
    Returns: (N,), in [0, 2], 0 exactly when both attention maps are equal.
    Scale: mean over height and width.
    Source: Zagoruyko and Komodakis, ICLR 2017, $p$ = 2. *Differs:* the square of the difference, as in their code, the
    sum of which over maps of length 1 is this mean.
    Pitfalls: signs, channels and overall strength do not count: it guides a layer and determines none.

    Example:
        >>> import torch
        >>> left, right = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2), torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
        >>> AttentionTransfer()(student=left, teacher=right)
        tensor([2.0000])
    """

    class Config(zerokd.Config):
        power: float = Field(2.0, ge=1.0, le=8.0, description="activity is the absolute value to this power")

    ports = {
        "student": Port("the student's feature map", grad=True, example="student.features.e_conv1"),
        "teacher": Port("the teacher's feature map", example="teacher.features.e_conv1"),
    }
    bounds = (0.0, 2.0)
    best_on = ("identical",)
    worsens_with = ("noise",)

    def forward(self, *, student: Tensor, teacher: Tensor) -> Tensor:
        return attention_transfer(student, teacher, self.config.power)
