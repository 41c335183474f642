"""Structural similarity at the brightness of the reference."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Metric
from zerokd.losses.ssim import SsimLoss, ssim
from zerokd.metrics.gt_mean_psnr import GtMeanPsnr, scale_to_mean


@final
class GtMeanSsim(Metric):
    r"""Measures how much of its target's local structure an image has once both are equally bright; higher is better.

    Formula: $\mathrm{SSIM}(\mathrm{clip}(x \cdot \bar t / \bar x), t)$, the means over channels, height and width.
    Returns: (N,), in [-1, 1], 1 exactly when the image equals its target.
    Scale: as SSIM; one factor for each image.
    Source: the "GT mean" line of low-light papers and their code since KinD (Zhang et al., ACM MM 2019); SSIM: Wang et
    al., IEEE TIP 2004.
    Pitfalls: it looks at the reference to set the brightness, so that no method is as good as this says. On noisy
    pictures it rewards smoothing, as SSIM does.

    Example:
        >>> import torch
        >>> target = torch.rand(1, 3, 16, 16) / 2 + 0.25
        >>> bool(GtMeanSsim()(image=target / 2, target=target) > 0.999)
        True
    """

    Config = SsimLoss.Config
    ports = GtMeanPsnr.ports
    better = "higher"
    bounds = (-1.0, 1.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur")

    def min_size(self) -> int:
        return self.config.window

    def forward(self, *, image: Tensor, target: Tensor) -> Tensor:
        config = self.config
        return ssim(scale_to_mean(image, target), target, config.window, config.sigma, config.data_range)
