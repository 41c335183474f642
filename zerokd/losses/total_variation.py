"""Smoothness of a curve map or an image."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port
from zerokd.losses.mse import mse


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of vertical neighbours plus that of horizontal neighbours, per image.

    Args:
        image: (N, C, H, W), any range, at least 2x2.

    Returns:
        (N,), in [0, inf); 0 when every channel is constant.
    """
    return mse(image[:, :, 1:], image[:, :, :-1]) + mse(image[..., 1:], image[..., :-1])


@final
class TotalVariation(Loss):
    r"""Rewards a smooth curve map, against seams and halos where neighbouring pixels get different curves.

    Formula: $\frac{1}{C(H-1)W}\sum (a_{c,i+1,j} - a_{cij})^2 + \frac{1}{CH(W-1)}\sum (a_{c,i,j+1} - a_{cij})^2$.
    Returns: (N,), in [0, inf), 0 exactly when every channel is constant.
    Scale: mean over channels and over pairs of neighbours, vertical and horizontal ones apart, then summed.
    Source: illumination smoothness of Zero-DCE (Guo et al., CVPR 2020) and its released code. *Differs:* the released
    code sums over channels and doubles, so it gives 6 times this value on three channels; its documented weight 200 is
    1200 here. The paper squares the sum of both absolute gradients.
    Pitfalls: differences are per pixel, so one map at twice the resolution has about a quarter of the value.

    Example:
        >>> import torch
        >>> ramp = torch.tensor([0.0, 1.0, 2.0]).expand(1, 3, 3, 3)
        >>> TotalVariation()(image=ramp)
        tensor([1.])
    """

    ports = {"image": Port("the curve map or image to be smooth", grad=True, default="student.curve_map")}
    best_on = ("constant",)
    worsens_with = ("noise",)

    def min_size(self) -> int:
        return 2

    def forward(self, *, image: Tensor) -> Tensor:
        return total_variation(image)
