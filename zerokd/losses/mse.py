"""Mean squared error between two tensors of one shape."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from zerokd import Loss, Port


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference, per image.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    difference = prediction - target
    wide = torch.promote_types(difference.dtype, torch.float32)  # a square or a sum soon overflows half precision
    return difference.to(wide).square().mean(dim=(1, 2, 3))


@final
class Mse(Loss):
    r"""Rewards a prediction that equals its target everywhere; the hard-target distillation term for a regression.

    Formula: $\frac{1}{CHW}\sum_{c,i,j}(p_{cij} - t_{cij})^2$.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels, height and width.
    Source: the documented distillation term on enhanced images and on curve maps. The released script has the first
    and misses the second.
    Pitfalls: curve maps of different iteration counts are not comparable; adapt them with ``match_iterations`` first.

    Example:
        >>> import torch
        >>> Mse()(prediction=torch.zeros(2, 3, 4, 4), target=torch.ones(2, 3, 4, 4))
        tensor([1., 1.])
    """

    ports = {
        "prediction": Port("the student's tensor", grad=True, default="student.enhanced"),
        "target": Port("what it should be", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "darkening", "brightening")

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return mse(prediction, target)
