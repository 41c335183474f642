"""What a network computes between two layers."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port
from zerokd_distill.regions import multiply_by_transpose, pool_to_smaller, widen


def fsp_matrix(first: Tensor, second: Tensor) -> Tensor:
    """The mean product of every channel of one layer with every channel of another, in float32 or wider.

    Args:
        first: (N, C, H, W), any range.
        second: (N, D, h, w), any range; the larger map is averaged to the size of the smaller.

    Returns:
        (N, C, D).
    """
    first, second = pool_to_smaller(widen(first), widen(second))
    rows, columns = first.flatten(2), second.flatten(2)
    return multiply_by_transpose(rows, columns) / rows.shape[2]


@final
class Fsp(Loss):
    r"""Rewards a student whose layers depend on each other as the teacher's do: the flow, not the features.

    Formula: $\frac{1}{CD}\sum_{c,d} (G^s_{cd} - G^t_{cd})^2$ with
    $G_{cd} = \frac{1}{HW}\sum_{i,j} x_{cij}\, y_{dij}$, $x$ and $y$ the first and the second layer.
    Returns: (N,), in [0, inf), 0 exactly when both matrices are equal.
    Scale: mean over pixels of the products, then over pairs of channels.
    Source: the flow of solution procedure of Yim et al.: A Gift from Knowledge Distillation, CVPR 2017. *Differs:* a
    mean over pairs of channels, not a sum; a larger layer is averaged to the size of the smaller, not its maximum.
    Pitfalls: student and teacher need equal numbers of channels in both layers. Products of large features are large:
    watch the share of the gradient.

    Example:
        >>> import torch
        >>> ones, zeros = torch.ones(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
        >>> Fsp()(student_first=ones, student_second=2 * ones, teacher_first=ones, teacher_second=zeros)
        tensor([4.])
    """

    ports = {
        "student_first": Port("an earlier layer of the student", grad=True, example="student.features.e_conv3"),
        "student_second": Port("a later layer of the student", grad=True, example="student.enhanced"),
        "teacher_first": Port("that layer of the teacher", like="student_first", example="teacher.features.e_conv7"),
        "teacher_second": Port("the later one of the teacher", like="student_second", example="teacher.enhanced"),
    }
    best_on = ("identical",)
    worsens_with = ("darkening",)

    def forward(
        self, *, student_first: Tensor, student_second: Tensor, teacher_first: Tensor, teacher_second: Tensor
    ) -> Tensor:
        difference = fsp_matrix(student_first, student_second) - fsp_matrix(teacher_first, teacher_second)
        return difference.square().mean(dim=(1, 2))
