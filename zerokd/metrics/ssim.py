"""Structural similarity, as a metric."""

from __future__ import annotations

from typing import final

from torch import Tensor

from zerokd import Metric, Port
from zerokd.losses.ssim import SsimLoss, ssim


@final
class SsimMetric(Metric):
    r"""Measures how much of its target's local structure (mean, contrast, correlation) an image has; higher is better.

    Formula: $1 - \mathrm{ssim}$, the loss of that name, computed by the same function.
    Returns: (N,), in [-1, 1], 1 exactly when the image equals its target.
    Scale: mean over channels, height and width.
    Source: Wang et al., IEEE TIP 2004, as the loss has it.
    Pitfalls: on noisy pictures it rewards smoothing. In dark flat regions both constants decide.

    Example:
        >>> import torch
        >>> SsimMetric()(image=torch.ones(1, 3, 16, 16), target=torch.ones(1, 3, 16, 16))
        tensor([1.])
    """

    Config = SsimLoss.Config
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
    bounds = (-1.0, 1.0)
    best_on = ("identical",)
    worsens_with = ("noise", "blur")

    def min_size(self) -> int:
        return self.config.window

    def forward(self, *, image: Tensor, target: Tensor) -> Tensor:
        config = self.config
        return ssim(image, target, config.window, config.sigma, config.data_range)
