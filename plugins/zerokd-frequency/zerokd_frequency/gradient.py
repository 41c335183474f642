"""Difference of two images' gradients."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port
from zerokd_frequency.widen import widen


def gradient(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the differences of neighbours, vertical plus horizontal, per image.

    Args:
        prediction: (N, C, H, W), any range, at least 2x2.
        target: the same shape.

    Returns:
        (N,), in [0, inf); 0 when both are equal up to a constant in each channel.
    """
    rest = widen(prediction) - widen(target)
    vertical, horizontal = rest[:, :, 1:] - rest[:, :, :-1], rest[..., 1:] - rest[..., :-1]
    return vertical.abs().mean(dim=(1, 2, 3)) + horizontal.abs().mean(dim=(1, 2, 3))


@final
class Gradient(Loss):
    r"""Rewards the target's edges, with their direction, whatever the brightness.

    Formula: $\frac{1}{C(H-1)W}\sum |d_{c,i+1,j} - d_{cij}| + \frac{1}{CH(W-1)}\sum |d_{c,i,j+1} - d_{cij}|$, $d$ the
    difference of both images.
    Returns: (N,), in [0, inf), 0 exactly when prediction and target differ by a constant in each channel.
    Scale: mean over channels and over pairs of neighbours, vertical and horizontal ones apart, then summed.
    Source: the image gradient difference loss of Mathieu et al. (ICLR 2016), with exponent 1. *Differs:* the paper
    compares absolute differences, so that a dark line is as good as a bright one; this compares signed ones.
    Pitfalls: it does not see brightness and needs another loss beside it. Differences are per pixel: at twice the
    resolution a photo has about half of the value.

    Example:
        >>> import torch
        >>> ramp = torch.tensor([0.0, 0.25, 0.5]).expand(1, 3, 3, 3)
        >>> Gradient()(prediction=ramp + 0.5, target=torch.zeros(1, 3, 3, 3))
        tensor([0.2500])
    """

    ports = {
        "prediction": Port("the student's image", grad=True, default="student.enhanced"),
        "target": Port("the image to compare with", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "flattening")

    def min_size(self) -> int:
        return 2

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return gradient(prediction, target)
