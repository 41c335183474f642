"""Difference of two spectra, most where it is largest."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor

import zerokd
from zerokd import Loss, Port
from zerokd_frequency.widen import widen


def focal_frequency(prediction: Tensor, target: Tensor, alpha: float = 1.0) -> Tensor:
    """Mean squared difference of two spectra, each frequency weighted by its own difference, per image.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.
        alpha: the weight is the difference to this power, over its maximum in the channel.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    spectrum = torch.fft.fft2(widen(prediction) - widen(target), norm="ortho")
    power = spectrum.real.square() + spectrum.imag.square()
    weight = power.detach().pow(alpha / 2)
    largest = weight.amax(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    return (weight / largest * power).mean(dim=(1, 2, 3))


@final
class FocalFrequency(Loss):
    r"""Rewards a prediction with the target's frequencies, first of all those that it lacks most.

    Formula: $\frac{1}{CHW}\sum_{c,u,v} w_{cuv}\, |d_{cuv}|^2$ with
    $w_{cuv} = |d_{cuv}|^\alpha / \max_{u,v} |d_{cuv}|^\alpha$, $d$ the orthonormal discrete Fourier transform of the
    difference; the weight has no gradient.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels and frequencies; with ``alpha = 0`` it is ``mse``.
    Source: focal frequency loss (Jiang et al., ICCV 2021), without patches and without the logarithm of the weight, its
    defaults.
    Pitfalls: one strong frequency, such as a difference in mean brightness, leaves little weight to all others.

    Example:
        >>> import torch
        >>> FocalFrequency()(prediction=torch.ones(1, 3, 4, 4), target=torch.zeros(1, 3, 4, 4))
        tensor([1.])
    """

    class Config(zerokd.Config):
        alpha: float = Field(1.0, ge=0.0, le=8.0, description="weight of a frequency: its difference to this power")

    ports = {
        "prediction": Port("the student's image", grad=True, default="student.enhanced"),
        "target": Port("the image to compare with", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "darkening", "brightening")
    known_failures = {"gradient_is_slope": "the weight is constant in the gradient, as published"}

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return focal_frequency(prediction, target, self.config.alpha)
