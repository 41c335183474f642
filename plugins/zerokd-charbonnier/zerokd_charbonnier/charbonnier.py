"""A smooth absolute difference."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port


def charbonnier(prediction: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Charbonnier penalty of the difference, per image.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.
        epsilon: a smaller difference counts like its square.

    Returns:
        (N,), in [0, inf); 0 exactly when both are equal.
    """
    difference = (prediction - target).to(torch.promote_types(prediction.dtype, torch.float32))
    return ((difference.square() + epsilon**2).sqrt() - epsilon).mean(dim=(1, 2, 3))


@final
class Charbonnier(Loss):
    r"""Rewards a prediction near its target; large errors weigh less than in a squared error.

    Formula: $\frac{1}{CHW}\sum_{c,i,j}\sqrt{(p_{cij} - t_{cij})^2 + \epsilon^2} - \epsilon$.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels, height and width.
    Source: Charbonnier et al., ICIP 1994. *Differs:* epsilon is subtracted, so that the minimum is 0.
    Pitfalls: the gradient of a small error fades below ``epsilon``.

    Example:
        >>> import torch
        >>> Charbonnier()(prediction=torch.ones(1, 3, 4, 4), target=torch.ones(1, 3, 4, 4))
        tensor([0.])
    """

    class Config(zerokd.Config):
        epsilon: float = Field(1e-3, gt=0.0, le=1.0, description="a smaller error counts like its square")

    ports = {
        "prediction": Port("the student's tensor", grad=True, default="student.enhanced"),
        "target": Port("the tensor to compare with", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "darkening")

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return charbonnier(prediction, target, self.config.epsilon)
