"""Distance of every pixel to the image's mean colour."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from zerokd import Loss, Port


def saturation(enhanced: Tensor) -> Tensor:
    """Mean distance between a pixel's colour and the mean colour, per image.

    Args:
        enhanced: (N, 3, H, W) in [0, 1].

    Returns:
        (N,), in [0, sqrt(3)/2]; 0 when all pixels have one colour.
    """
    squares = (enhanced - enhanced.mean(dim=(2, 3), keepdim=True)).square().sum(dim=1)
    # the root's slope is infinite at 0: the gradient there is that of the constant
    roots = squares.clamp(min=torch.finfo(squares.dtype).tiny).sqrt()
    return torch.where(squares > 0, roots, 0.0).mean(dim=(1, 2))


@final
class Saturation(Loss):
    r"""Rewards pixels near the image's mean colour, against colours and noise that enhancement drives apart.

    Formula: $\frac{1}{HW}\sum_{ij}\sqrt{\sum_c (x_{cij} - \bar{x}_c)^2}$, $\bar{x}_c$ the mean of channel $c$.
    Returns: (N,), in [0, sqrt(3)/2], 0 exactly when all pixels have one colour, whichever it is.
    Scale: mean over height and width; the three channels are the coordinates of one norm.
    Source: ``Sa_Loss`` of the released Zero-DCE code, part of the documented task group; in no paper. *Differs:* its
    root has a NaN gradient wherever a pixel has the mean colour; here the gradient there is 0.
    Pitfalls: in spite of its name it does not measure saturation. It falls with contrast: a grey image of full contrast
    has the greatest value, a flat image of the purest red has 0. Keep its weight small (0.3 is documented).

    Example:
        >>> import torch
        >>> stripes = torch.tensor([0.0, 1.0]).expand(1, 3, 2, 2)
        >>> Saturation()(enhanced=stripes)
        tensor([0.8660])
    """

    ports = {
        "enhanced": Port("the enhanced image", range=(0.0, 1.0), grad=True, default="student.enhanced", channels=3)
    }
    bounds = (0.0, math.sqrt(3.0) / 2.0)
    best_on = ("constant", "black", "white")
    worsens_with = ("noise",)

    def forward(self, *, enhanced: Tensor) -> Tensor:
        return saturation(enhanced)
