"""Difference of two images' edges."""

from __future__ import annotations

from typing import final

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port
from zerokd_frequency.laplacian_pyramid import blur
from zerokd_frequency.widen import widen


def edge(prediction: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Charbonnier penalty of the difference of two images' Laplacians, per image.

    Args:
        prediction: (N, C, H, W), any range, at least 2x2.
        target: the same shape.
        epsilon: a smaller difference counts like its square.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    edges = laplacian(blur(widen(prediction) - widen(target)))
    return ((edges.square() + epsilon**2).sqrt() - epsilon).mean(dim=(1, 2, 3))


def laplacian(image: Tensor) -> Tensor:
    """The four neighbours of each pixel minus four times itself; the border repeats."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    vertical = padded[..., 2:, 1:-1] + padded[..., :-2, 1:-1]
    return vertical + padded[..., 1:-1, 2:] + padded[..., 1:-1, :-2] - 4 * image


@final
class Edge(Loss):
    r"""Rewards the target's edges and fine lines; flat parts and smooth shading do not count.

    Formula: $\frac{1}{CHW}\sum_{c,i,j} \sqrt{(\Delta d)_{cij}^2 + \epsilon^2} - \epsilon$, $\Delta d$ the Laplacian of
    the difference after a binomial blur of 5x5.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target; also when they differ by a constant.
    Scale: mean over channels, height and width.
    Source: the edge loss of MPRNet (Zamir et al., CVPR 2021). *Differs:* epsilon is subtracted, so that the minimum is
    0; the paper does not say which Laplacian, and its code subtracts a blurred image from the image.
    Pitfalls: it does not see brightness and needs another loss beside it. Below ``epsilon`` the gradient fades.

    Example:
        >>> import torch
        >>> Edge()(prediction=torch.ones(1, 3, 4, 4), target=torch.zeros(1, 3, 4, 4))
        tensor([0.])
    """

    class Config(zerokd.Config):
        epsilon: float = Field(1e-3, gt=0.0, le=1.0, description="a smaller difference counts like its square")

    ports = {
        "prediction": Port("the student's image", grad=True, default="student.enhanced"),
        "target": Port("the image to compare with", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "flattening")

    def min_size(self) -> int:
        return 2

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return edge(prediction, target, self.config.epsilon)
