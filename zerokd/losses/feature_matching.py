"""Features of the student against features of the teacher."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port
from zerokd.losses.mse import mse


def feature_matching(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of two feature maps that adapters have made comparable, per image.

    Args:
        student: (N, C, H, W), any range.
        teacher: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    return mse(student, teacher)


@final
class FeatureMatching(Loss):
    r"""Rewards a student that forms the teacher's intermediate features, against one that only imitates its output.

    Formula: $\frac{1}{CHW}\sum_{c,i,j}(s_{cij} - t_{cij})^2$ of the adapted pair.
    Returns: (N,), in [0, inf), 0 exactly when both features are equal.
    Scale: mean over channels, height and width; the depth of a pair is weighed in the recipe.
    Source: hint learning (FitNets, Romero et al., ICLR 2015); the documented system pools the teacher's map to the
    student's size and averages both over channels where their count differs, here ``adapt = ["adaptive_pool", "gap"]``.
    Pitfalls: no default signals, for no pair is right for every student. Averaging over channels leaves one number per
    pixel: many different features have one mean. A feature is a layer's own output, before the activation after it.

    Example:
        >>> import torch
        >>> FeatureMatching()(student=torch.zeros(1, 4, 2, 2), teacher=torch.full((1, 4, 2, 2), 3.0))
        tensor([9.])
    """

    ports = {
        "student": Port("the student's feature map", grad=True, example="student.features.e_conv3"),
        "teacher": Port("the teacher's feature map", like="student", example="teacher.features.e_conv7"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "darkening", "brightening")

    def forward(self, *, student: Tensor, teacher: Tensor) -> Tensor:
        return feature_matching(student, teacher)
