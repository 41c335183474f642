"""Mean absolute error between two tensors of one shape."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from zerokd import Loss, Port


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, per image, in float32 or wider.

    Args:
        prediction: (N, ...), any range.
        target: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    difference = prediction - target
    wide = difference.to(torch.promote_types(difference.dtype, torch.float32))  # a sum overflows half precision
    return wide.abs().flatten(1).mean(dim=1)


@final
class L1(Loss):
    r"""Rewards a prediction that equals its target in most places; a few large errors weigh less than in ``mse``.

    Formula: $\frac{1}{CHW}\sum_{c,i,j} |p_{cij} - t_{cij}|$.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels, height and width.
    Source: least absolute deviations; for image restoration, Zhao et al., IEEE TCI 2017, who find it ahead of ``mse``.
    Pitfalls: the gradient of an error has one size, however small the error is: near the target, steps overshoot. Where
    both are equal it is 0.

    Example:
        >>> import torch
        >>> L1()(prediction=torch.zeros(2, 3, 4, 4), target=torch.full((2, 3, 4, 4), 0.5))
        tensor([0.5000, 0.5000])
    """

    ports = {
        "prediction": Port("the student's tensor", grad=True, default="student.enhanced"),
        "target": Port("what it should be", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "darkening", "brightening")

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return l1(prediction, target)
