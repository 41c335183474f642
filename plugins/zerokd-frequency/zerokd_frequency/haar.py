"""Difference of two wavelet transforms."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port
from zerokd_frequency.widen import widen


def haar(prediction: Tensor, target: Tensor, levels: int = 3) -> Tensor:
    """Mean over bands of the mean absolute difference of two Haar transforms, per image.

    Args:
        prediction: (N, C, H, W), any range, at least 2^levels high and wide.
        target: the same shape.
        levels: how often the image is halved; an odd side repeats its last row or column.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    rest = widen(prediction) - widen(target)
    values = []
    for _ in range(levels):
        rest, *details = haar_bands(rest)
        values += [band.abs().mean(dim=(1, 2, 3)) for band in details]
    values.append(rest.abs().mean(dim=(1, 2, 3)))
    return torch.stack(values).mean(dim=0)


def haar_bands(image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The mean of each 2x2 block, and its horizontal, vertical and diagonal difference, each half as large."""
    height, width = image.shape[2:]
    even = F.pad(image, (0, width % 2, 0, height % 2), mode="replicate")
    top, bottom = even[..., ::2, :], even[..., 1::2, :]
    a, b, c, d = top[..., ::2], top[..., 1::2], bottom[..., ::2], bottom[..., 1::2]
    return (a + b + c + d) / 4, (a - b + c - d) / 4, (a + b - c - d) / 4, (a - b - c + d) / 4


@final
class Haar(Loss):
    r"""Rewards the target's edges and texture in every direction and at every scale, each band alike.

    Formula: $\frac{1}{3L+1}\sum_b \frac{1}{|b|}\sum_{k \in b} |d_k|$, $b$ the $3L$ bands of detail and the last mean of
    the Haar transform of the difference.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels, height and width of each band, then over bands.
    Source: wavelet losses, such as that of Wavelet-SRNet (Huang et al., ICCV 2017). *Differs:* absolute differences and
    equal weights; filters are means, so that the coefficients of every level have the scale of the image.
    Pitfalls: blocks of 2x2 have fixed positions: a shift by one pixel changes all bands of detail.

    Example:
        >>> import torch
        >>> Haar(levels=1)(prediction=torch.ones(1, 3, 4, 4), target=torch.zeros(1, 3, 4, 4))
        tensor([0.2500])
    """

    class Config(zerokd.Config):
        levels: int = Field(3, ge=1, le=8, description="how often the image is halved")

    ports = {
        "prediction": Port("the student's image", grad=True, default="student.enhanced"),
        "target": Port("the image to compare with", default="teacher.enhanced", like="prediction"),
    }
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "darkening", "brightening")

    def min_size(self) -> int:
        return int(2**self.config.levels)

    def forward(self, *, prediction: Tensor, target: Tensor) -> Tensor:
        return haar(prediction, target, self.config.levels)
