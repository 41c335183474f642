"""The mean size of a model's parameters."""

from __future__ import annotations

from typing import Literal, final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port


def parameter_norm(parameters: Tensor, power: int = 1) -> Tensor:
    """Mean of the absolute values to a power, per row, in float32 or wider.

    Args:
        parameters: (N, P), any range.
        power: 1 or 2.

    Returns:
        (N,), in [0, inf).
    """
    wide = parameters.to(torch.promote_types(parameters.dtype, torch.float32))
    return (wide.abs() if power == 1 else wide.square()).flatten(1).mean(dim=1)


@final
class ParameterNorm(Loss):
    r"""Rewards small parameters: many zeros with ``power`` 1, no large one with ``power`` 2.

    Formula: $\frac{1}{P}\sum_p |\theta_p|^{power}$.
    Returns: (N,), in [0, inf), the same for every image; 0 exactly when every parameter is 0.
    Scale: mean over the parameters.
    Source: Tibshirani: Regression shrinkage and selection via the lasso, 1996 (power 1); ridge regression (power 2).
    Pitfalls: an optimizer's ``weight_decay`` shrinks parameters too, for ``adamw`` independently of the gradient. A
    gradient step never reaches 0 exactly.

    Example:
        >>> import torch
        >>> ParameterNorm(power=2)(parameters=torch.tensor([[1.0, -3.0]]))
        tensor([5.])
    """

    class Config(zerokd.Config):
        power: Literal[1, 2] = Field(1, description="1 for the L1 norm, 2 for the squared L2 norm")

    ports = {"parameters": Port("all parameters of a model", grad=True, default="student.parameters")}
    best_on = (0.0,)

    def forward(self, *, parameters: Tensor) -> Tensor:
        return parameter_norm(parameters, self.config.power)
