"""Peak signal-to-noise ratio at the brightness of the reference."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Metric, Port
from zerokd.metrics.psnr import psnr

MIN_MEAN_BRIGHTNESS = 1e-6  # lower bound of the divisor


def gt_mean_psnr(image: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB, per image, after scaling the image to the target's mean.

    Args:
        image: (N, C, H, W) in [0, 1].
        target: the same shape.

    Returns:
        (N,), in [0, 120].
    """
    return psnr(scale_to_mean(image, target), target)


def scale_to_mean(image: Tensor, target: Tensor) -> Tensor:
    """The image (N, C, H, W) in [0, 1], scaled to the target's mean, one factor for each image, and clipped."""
    means = [tensor.mean(dim=(1, 2, 3), keepdim=True) for tensor in (target, image)]
    return (image * (means[0] / means[1].clamp_min(MIN_MEAN_BRIGHTNESS))).clamp(0, 1)


@final
class GtMeanPsnr(Metric):
    r"""Measures how near an image is to its target once both are equally bright; higher is better.

    Formula: $\mathrm{PSNR}(\mathrm{clip}(x \cdot \bar t / \bar x), t)$, the means over channels, height and width.
    Returns: (N,), in [0, 120] dB, 120 exactly when the image equals its target.
    Scale: as PSNR; one factor for each image.
    Source: the "GT mean" line of low-light papers and their code since KinD (Zhang et al., ACM MM 2019).
    Pitfalls: it looks at the reference to set the brightness, so that no method is as good as this says. It takes away
    what decides PSNR on such data, and leaves colour, contrast and noise.

    Example:
        >>> import torch
        >>> target = torch.rand(1, 3, 8, 8) / 2 + 0.25
        >>> bool(GtMeanPsnr()(image=target / 2, target=target) > 110)
        True
    """

    ports = {
        "image": Port("the image to measure", range=(0.0, 1.0), default="student.enhanced"),
        "target": Port("the well-lit reference", range=(0.0, 1.0), like="image", example="reference"),
    }
    better = "higher"
    unit = "dB"
    bounds = (0.0, 120.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur")

    def forward(self, *, image: Tensor, target: Tensor) -> Tensor:
        return gt_mean_psnr(image, target)
