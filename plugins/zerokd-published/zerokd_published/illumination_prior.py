"""An illumination near the greatest colour of each pixel."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port


def illumination_prior(illumination: Tensor, low: Tensor) -> Tensor:
    """Mean squared difference between the illumination and the greatest colour of each pixel, per image.

    Args:
        illumination: (N, C, H, W) in [0, 1].
        low: (N, 3, H, W) in [0, 1].

    Returns:
        (N,), in [0, 1]; 0 where every channel of the illumination is that colour.
    """
    return (illumination - low.amax(dim=1, keepdim=True)).square().mean(dim=(1, 2, 3))


@final
class IlluminationPrior(Loss):
    r"""Rewards an illumination that is just bright enough to explain the image by a reflectance of at most 1.

    Formula: $\frac{1}{CHW}\sum_{c,i,j}(L_{cij} - \max_k y_{kij})^2$, $L$ the illumination, $y$ the image.
    Returns: (N,), in [0, 1], 0 exactly when the illumination is the greatest colour of each pixel.
    Scale: mean over channels, height and width.
    Source: LIME (Guo, Li, Ling, IEEE TIP 2017), as a loss in RetinexNet's successors such as PairLIE (Fu et al., CVPR
    2023), whose scale this is.
    Pitfalls: at its least value one colour of each pixel has reflectance 1: all local contrast is gone. It needs a
    smoothness term beside it.

    Example:
        >>> import torch
        >>> low = torch.tensor([0.25, 0.5, 0.0]).view(1, 3, 1, 1)
        >>> IlluminationPrior()(illumination=torch.full((1, 1, 1, 1), 1.0), low=low)
        tensor([0.2500])
    """

    ports = {
        "illumination": Port("the estimated light", range=(0.0, 1.0), grad=True, default="student.illumination"),
        "low": Port("the low-light input", range=(0.0, 1.0), default="low", channels=3),
    }
    bounds = (0.0, 1.0)

    def forward(self, *, illumination: Tensor, low: Tensor) -> Tensor:
        return illumination_prior(illumination, low)
