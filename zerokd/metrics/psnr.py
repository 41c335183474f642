"""Peak signal-to-noise ratio."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Metric, Port

MIN_SQUARED_ERROR = 1e-12  # lower bound of the mean squared error


def psnr(image: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, per image.

    Args:
        image: (N, C, H, W) in [0, 1].
        target: the same shape.

    Returns:
        (N,), in [0, 120]; 120 when both are equal.
    """
    errors = (image - target).square().mean(dim=(1, 2, 3)).clamp_min(MIN_SQUARED_ERROR)
    return -10 * errors.log10()


@final
class Psnr(Metric):
    r"""Measures how near an image is to its target, pixel by pixel, on a logarithmic scale; higher is better.

    Formula: $-10 \log_{10} \max(10^{-12}, \frac{1}{CHW}\sum_{c,i,j}(x_{cij} - t_{cij})^2)$, the peak being 1.
    Returns: (N,), in [0, 120] dB, 120 exactly when the image equals its target: the ratio itself would be infinite.
    Scale: mean over channels, height and width inside the logarithm; one value an image, so that a mean over images is
    a mean of decibels.
    Source: the usual definition, for images in [0, 1].
    Pitfalls: it is blind to what people see. Against a teacher it says how well the student copies, not how good a
    picture is; against a reference it is decided by the overall brightness first.

    Example:
        >>> import torch
        >>> Psnr()(image=torch.zeros(1, 3, 4, 4), target=torch.full((1, 3, 4, 4), 0.1))
        tensor([20.])
    """

    ports = {
        "image": Port("the image to measure", range=(0.0, 1.0), default="student.enhanced"),
        "target": Port(
            "the image to compare with: teacher.enhanced, or reference",
            range=(0.0, 1.0),
            like="image",
            example="reference",
        ),
    }
    better = "higher"
    unit = "dB"
    bounds = (0.0, 120.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur", "cast")

    def forward(self, *, image: Tensor, target: Tensor) -> Tensor:
        return psnr(image, target)
