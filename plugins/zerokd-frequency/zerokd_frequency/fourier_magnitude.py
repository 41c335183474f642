"""Difference of two amplitude spectra."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from zerokd import Loss, Port
from zerokd_frequency.widen import widen


def fourier_magnitude(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the magnitudes of two spectra, per image.

    Args:
        prediction: (N, C, H, W), any range.
        target: the same shape.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    magnitudes = [torch.fft.fft2(widen(image), norm="ortho").abs() for image in (prediction, target)]
    return (magnitudes[0] - magnitudes[1]).abs().mean(dim=(1, 2, 3))


@final
class FourierMagnitude(Loss):
    r"""Rewards the target's brightness and amount of detail at every frequency, wherever the detail is.

    Formula: $\frac{1}{CHW}\sum_{c,u,v} \bigl| |P_{cuv}| - |T_{cuv}| \bigr|$, $P$ and $T$ the orthonormal discrete
    Fourier transforms of prediction and target.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels and frequencies; the transform keeps energy, so that noise of any size has one value.
    Source: the amplitude loss of FECNet (Huang et al., ECCV 2022), whose premise is that the amplitude of a photo
    holds its exposure. *Differs:* the transform is orthonormal.
    Pitfalls: it does not see phases, so a shifted or mirrored image is as good as the target: use it beside a loss that
    compares pixels.

    Example:
        >>> import torch
        >>> FourierMagnitude()(prediction=torch.ones(1, 3, 4, 4), target=torch.zeros(1, 3, 4, 4))
        tensor([0.2500])
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
        return fourier_magnitude(prediction, target)
