"""An illumination near the input."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port


def illumination_fidelity(illumination: Tensor, low: Tensor) -> Tensor:
    """Mean squared difference between the illumination and the input, per image.

    Args:
        illumination: (N, C, H, W) in [0, 1].
        low: the same shape and range.

    Returns:
        (N,), in [0, 1]; exactly 0 when both are equal.
    """
    return (illumination - low).square().mean(dim=(1, 2, 3))


@final
class IlluminationFidelity(Loss):
    r"""Rewards an illumination that stays near the input, against one that drifts to 1, which enhances nothing.

    Formula: $\frac{1}{CHW}\sum_{c,i,j}(x_{cij} - y_{cij})^2$, $x$ the illumination, $y$ the low-light input.
    Returns: (N,), in [0, 1], 0 exactly when the illumination is the input.
    Scale: mean over channels, height and width.
    Source: $L_f$ of SCI (Ma et al.: Toward Fast, Flexible, and Robust Low-Light Image Enhancement, CVPR 2022).
    *Differs:* the paper sums over pixels and over the stages of a cascade, whose inputs a second network calibrates;
    this is its first stage, whose input is the photo, and the only one that the paper runs after training.
    Pitfalls: at its least value the reflectance low / illumination is 1 everywhere: a white image. It needs
    ``illumination_smoothness`` beside it. It is ``mse`` on these signals, with ports that bind themselves.

    Example:
        >>> import torch
        >>> IlluminationFidelity()(illumination=torch.full((2, 3, 4, 4), 0.75), low=torch.full((2, 3, 4, 4), 0.25))
        tensor([0.2500, 0.2500])
    """

    ports = {
        "illumination": Port("the estimated light", range=(0.0, 1.0), grad=True, default="student.illumination"),
        "low": Port("the low-light input", range=(0.0, 1.0), default="low", like="illumination"),
    }
    bounds = (0.0, 1.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "darkening", "brightening")

    def forward(self, *, illumination: Tensor, low: Tensor) -> Tensor:
        return illumination_fidelity(illumination, low)
