"""Grey-world colour constancy."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from zerokd import Loss, Port


def color_constancy(enhanced: Tensor) -> Tensor:
    """How far the mean red, green and blue are from each other, per image.

    Args:
        enhanced: (N, 3, H, W) in [0, 1].

    Returns:
        (N,), in [0, sqrt(2)]; 0 when the three channel means are equal.
    """
    red, green, blue = enhanced.mean(dim=(2, 3)).unbind(1)
    differences = torch.stack([red - green, red - blue, green - blue], 1)
    return torch.linalg.vector_norm(differences.square(), dim=1)


@final
class ColorConstancy(Loss):
    r"""Rewards an image whose mean colour is grey, against the colour cast that brightening one channel more leaves.

    Formula: $\sqrt{(R-G)^4 + (R-B)^4 + (G-B)^4}$, $R$, $G$, $B$ the means of the channels.
    Returns: (N,), in [0, sqrt(2)], 0 exactly when the three means are equal (every grey image).
    Scale: mean over height and width; the three colour pairs are the coordinates of one norm.
    Source: grey-world assumption (Buchsbaum 1980); Zero-DCE (Guo et al., CVPR 2020) and its released code.
    *Differs:* the paper sums the squared differences; the released code takes this root, whose gradient it makes NaN on
    every grey image. Here the gradient there is 0.
    Pitfalls: a scene that is not grey on average (foliage, sunset) pays for its true colours. The fourth power makes
    small casts almost free: a difference of 0.1 costs 0.01.

    Example:
        >>> import torch
        >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
        >>> ColorConstancy()(enhanced=red)
        tensor([1.4142])
    """

    ports = {
        "enhanced": Port("the enhanced image", range=(0.0, 1.0), grad=True, default="student.enhanced", channels=3)
    }
    bounds = (0.0, math.sqrt(2.0))
    best_on = ("grey", "black", "white")
    worsens_with = ("cast",)

    def forward(self, *, enhanced: Tensor) -> Tensor:
        return color_constancy(enhanced)
