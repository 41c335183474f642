"""One target brightness for every patch."""

from __future__ import annotations

from typing import final

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port


def patch_brightness(image: Tensor, patch: int) -> Tensor:
    """The mean of each whole ``patch`` x ``patch`` square over its pixels and channels: (N, 1, H//patch, W//patch).

    Rows and columns beyond the last whole patch are ignored.
    """
    return F.avg_pool2d(image.mean(dim=1, keepdim=True), patch)


def exposure_control(enhanced: Tensor, patch: int = 16, level: float = 0.6) -> Tensor:
    """Mean squared difference between the brightness of each patch and ``level``, per image.

    Args:
        enhanced: (N, C, H, W) in [0, 1], at least one patch high and wide.
        patch: side of a patch, pixels.
        level: target mean of a patch.

    Returns:
        (N,), in [0, 1]; 0 when every patch has that brightness.
    """
    return (patch_brightness(enhanced, patch) - level).square().mean(dim=(1, 2, 3))


@final
class ExposureControl(Loss):
    r"""Rewards patches of one middle brightness, against under- and overexposed regions.

    Formula: $\frac{1}{P}\sum_p (e_p - E)^2$, $e_p$ the mean of patch $p$ over pixels and channels, $E$ the ``level``.
    Returns: (N,), in [0, max(E, 1-E)^2], 0 exactly when every patch has mean $E$.
    Scale: mean over channels, the pixels of a patch, and patches.
    Source: Zero-DCE (Guo et al., CVPR 2020) and its released code. *Differs:* the paper takes the absolute difference;
    the released code squares it, and so does this.
    Pitfalls: it flattens the image: night sky and lamp get the same target. Rows and columns beyond the last whole
    patch do not count. ``multi_region_exposure`` is the documented successor.

    Example:
        >>> import torch
        >>> ExposureControl(patch=4, level=0.5)(enhanced=torch.zeros(2, 3, 8, 8))
        tensor([0.2500, 0.2500])
    """

    class Config(zerokd.Config):
        patch: int = Field(16, ge=1, le=1024, description="side of a patch, pixels")
        level: float = Field(0.6, ge=0.0, le=1.0, description="target mean brightness of a patch, 0 to 1")

    ports = {"enhanced": Port("the enhanced image", range=(0.0, 1.0), grad=True, default="student.enhanced")}
    bounds = (0.0, 1.0)
    worsens_with = ("darkening",)

    @property
    def best_on(self) -> tuple[float, ...]:  # type: ignore[override]
        return (self.config.level,)

    def min_size(self) -> int:
        return self.config.patch

    def forward(self, *, enhanced: Tensor) -> Tensor:
        return exposure_control(enhanced, self.config.patch, self.config.level)
