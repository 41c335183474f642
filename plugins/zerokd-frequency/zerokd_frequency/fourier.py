"""Difference of two spectra."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from zerokd import Loss, Port
from zerokd_frequency.widen import widen


def fourier(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the real and imaginary parts of two spectra, per image.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    spectrum = torch.fft.fft2(widen(prediction) - widen(target), norm="ortho")
    return (spectrum.real.abs() + spectrum.imag.abs()).mean(dim=(1, 2, 3)) / 2


@final
class Fourier(Loss):
    r"""Rewards a prediction with the target's frequencies; an error in a few of them costs less than one in many.

    Formula: $\frac{1}{2CHW}\sum_{c,u,v} |\mathrm{Re}\,d_{cuv}| + |\mathrm{Im}\,d_{cuv}|$, $d$ the orthonormal
    discrete Fourier transform of the difference.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels and frequencies; the transform keeps energy, so that noise of any size has one value.
    Source: MIMO-UNet (Cho et al., ICCV 2021) and its code. *Differs:* the transform is orthonormal; theirs grows with
    the number of pixels.
    Pitfalls: a constant difference is in one frequency alone, and its value falls with the square root of the number of
    pixels: it needs ``mse`` or ``l1`` beside it.

    Example:
        >>> import torch
        >>> Fourier()(prediction=torch.ones(1, 3, 4, 4), target=torch.zeros(1, 3, 4, 4))  # 4 in 1 of 16 frequencies
        tensor([0.1250])
    """

    ports = {
        "prediction": Port("the student's image", grad=True, default="student.enhanced"),
        "target": Port("the image to compare with", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "darkening", "brightening")
    known_failures = {
        "scale": "a tiled image has nine times fewer frequencies, each three times stronger: a third of the mean"
    }

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return fourier(prediction, target)
