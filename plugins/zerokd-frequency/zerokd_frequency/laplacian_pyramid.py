"""Difference of two images at several scales."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port
from zerokd_frequency.widen import widen

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # the generating kernel of Burt and Adelson, with a = 0.375


def laplacian_pyramid(prediction: Tensor, target: Tensor, levels: int = 3) -> Tensor:
    """Mean over scales of the mean absolute difference of two Laplacian pyramids, per image.

    Args:
        prediction: (N, C, H, W), any range, at least 2^levels high and wide.
        target: the same shape.
        levels: how often the image is halved.

    Returns:
        (N,), in [0, inf); exactly 0 when both are equal.
    """
    rest = widen(prediction) - widen(target)  # a pyramid is linear: that of the difference
    values = []
    for _ in range(levels):
        coarse = blur(rest)[..., ::2, ::2]
        detail = rest - F.interpolate(coarse, size=rest.shape[2:], mode="bilinear", align_corners=False)
        values.append(detail.abs().mean(dim=(1, 2, 3)))
        rest = coarse
    values.append(rest.abs().mean(dim=(1, 2, 3)))
    return torch.stack(values).mean(dim=0)


def blur(image: Tensor) -> Tensor:
    """The binomial mean of 5x5 pixels around each; the border repeats."""
    channels = image.shape[1]
    kernel = image.new_tensor(BINOMIAL)
    padded = F.pad(image, (2, 2, 2, 2), mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, 5, 1).expand(channels, 1, 5, 1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, 1, 5).expand(channels, 1, 1, 5), groups=channels)


@final
class LaplacianPyramid(Loss):
    r"""Rewards the target's structure at every scale alike, against blur that a pixel error forgives.

    Formula: $\frac{1}{L+1}\sum_{l=0}^{L} \frac{1}{C H_l W_l}\sum_{c,i,j} |d^l_{cij}|$, $d^l$ level $l$ of the Laplacian
    pyramid of the difference, the last one the remaining image.
    Returns: (N,), in [0, inf), 0 exactly when prediction equals target.
    Scale: mean over channels, height and width of each level, then over levels.
    Source: the Lap1 loss of GLO (Bojanowski et al., ICML 2018), which weighs the sum of level $l$ by $4^l$, as a mean
    does; the pyramid of Burt and Adelson (IEEE Trans. Comm. 1983). *Differs:* levels are enlarged bilinearly.
    Pitfalls: a constant difference is in the last level alone, so its value falls with the number of levels.

    Example:
        >>> import torch
        >>> LaplacianPyramid(levels=3)(prediction=torch.ones(1, 3, 8, 8), target=torch.zeros(1, 3, 8, 8))
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
        return laplacian_pyramid(prediction, target, self.config.levels)
