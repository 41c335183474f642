"""Two outputs of the student that should be equal."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port
from zerokd.losses.mse import mse


def consistency(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared difference, per image, with gradient at both tensors.

    Args:
        first: (N, C, H, W), any range.
        second: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    return mse(first, second)


@final
class Consistency(Loss):
    r"""Rewards two tensors of the student that are equal, and moves both of them: neither is the other's target.

    Formula: $\frac{1}{CHW}\sum_{c,i,j}(a_{cij} - b_{cij})^2$.
    Returns: (N,), in [0, inf), 0 exactly when both are equal.
    Scale: mean over channels, height and width.
    Source: consistency under augmentation, as in Sajjadi, Javanmardi, Tasdizen, NeurIPS 2016.
    Pitfalls: a student that outputs a constant has the least value; another term must rule it out. For a target that
    is not to move, take ``mse``, whose target carries no gradient: one such term towards a signal of the student itself
    chases a target that moves with it.

    Example:
        >>> import torch
        >>> Consistency()(first=torch.zeros(2, 3, 4, 4), second=torch.ones(2, 3, 4, 4))
        tensor([1., 1.])
    """

    ports = {
        "first": Port("a tensor of the student", grad=True, default="student.enhanced"),
        "second": Port(
            "another one, such as its output for a view", grad=True, like="first", example="student.curve_map"
        ),
    }
    best_on = ("identical",)

    def forward(self, *, first: Tensor, second: Tensor) -> Tensor:
        return consistency(first, second)
