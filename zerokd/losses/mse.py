"""Mean squared error between two tensors of one shape."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from zerokd import Loss, Port


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference, per image, in float32 or wider.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    value: Tensor = _MeanSquaredError.apply(prediction, target)
    return value


class _MeanSquaredError(torch.autograd.Function):
    """Saves only its inputs; PyTorch's mse_loss needs three more such tensors for the gradient, in another format."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(prediction, target)
        return _wide_difference(prediction, target).square_().mean(dim=tuple(range(1, prediction.ndim)))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        prediction, target = ctx.saved_tensors
        scale = 2 * grad_output * len(prediction) / prediction.numel()
        gradient = (
            _wide_difference(prediction, target).mul_(scale.view(-1, *[1] * (prediction.ndim - 1))).to(prediction.dtype)
        )
        return gradient if ctx.needs_input_grad[0] else None, -gradient if ctx.needs_input_grad[1] else None


def _wide_difference(prediction: Tensor, target: Tensor) -> Tensor:
    """The difference in float32 or wider: a square or a sum overflows half precision."""
    difference = prediction - target
    return difference.to(torch.promote_types(difference.dtype, torch.float32))


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
