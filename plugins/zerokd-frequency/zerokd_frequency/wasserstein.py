"""Distance of two histograms."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Loss, Port
from zerokd_frequency.widen import widen


def wasserstein(prediction: Tensor, target: Tensor) -> Tensor:
    """Wasserstein distance of the values of each channel, averaged over channels, per image.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when every channel of both has the same values, in any order.
    """
    first, second = (widen(image).flatten(2).sort(dim=2).values for image in (prediction, target))
    return (first - second).abs().mean(dim=(1, 2))


@final
class Wasserstein(Loss):
    r"""Rewards the target's distribution of brightness and colour, wherever it is in the image.

    Formula: $\frac{1}{CHW}\sum_c \sum_k |p_{c(k)} - t_{c(k)}|$, $x_{c(k)}$ the $k$-th smallest value of channel $c$:
    the 1-Wasserstein distance of two histograms with one bin per pixel.
    Returns: (N,), in [0, inf), 0 exactly when every channel has the target's values, in any order.
    Scale: mean over channels and pixels.
    Source: optimal transport in one dimension (Vallender, Theory of Probability and Its Applications 1974), along the
    axes of colour alone; the sliced loss of Heitz et al. (CVPR 2021) draws random ones.
    Pitfalls: it does not see places: a shuffled image is as good as the target. Sorting costs more than other losses.

    Example:
        >>> import torch
        >>> ramp = torch.tensor([0.0, 0.5, 1.0, 0.5]).view(1, 1, 2, 2)
        >>> Wasserstein()(prediction=ramp.flip(2), target=ramp / 2)
        tensor([0.2500])
    """

    ports = {
        "prediction": Port("the student's image", grad=True, default="student.enhanced"),
        "target": Port("the image to compare with", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("darkening", "brightening", "flattening")

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return wasserstein(prediction, target)
