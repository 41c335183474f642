"""Mean squared error between two tensors of one shape."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from zerokd import Loss, Port


def mean_square(x: Tensor) -> Tensor:
    """Mean of the squares over all axes but the first, in float32 or wider.

    Args:
        x: (N, ...), any range.

    Returns:
        (N,), in [0, inf).
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))  # a square or a sum soon overflows half precision
    value: Tensor = _MeanSquare.apply(wide)
    return value


class _MeanSquare(torch.autograd.Function):
    """PyTorch's own gradient of a mean of squares takes three tensors of that size, in another memory layout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().mean(dim=tuple(range(1, x.ndim)))

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        found: Tensor = x * (2 * slope * len(x) / x.numel()).view(-1, *[1] * (x.ndim - 1))
        return found


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference, per image.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    return mean_square(prediction - target)


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
