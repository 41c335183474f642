"""A target brightness for each region, by the brightness of the input there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, final

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Loss, Port
from zerokd.losses.exposure_control import patch_brightness


def multi_region_exposure(
    enhanced: Tensor, low: Tensor, target: Callable[[Tensor], Tensor], patch: int = 8, contrast_weight: float = 0.0
) -> Tensor:
    """Mean squared difference between each patch's brightness and its ``target``, per image.

    Args:
        enhanced: (N, C, H, W) in [0, 1], at least one patch high and wide.
        low: the input, same height and width.
        target: maps the brightness of the input's patches to their target; :func:`region_target` is the documented one.
        patch: side of a patch, pixels.
        contrast_weight: weight of the released contrast term.

    Returns:
        (N,), in [0, 1 + contrast_weight]; without the contrast term 0 when every patch has its target brightness.
    """
    return _exposure_error(enhanced, target(patch_brightness(low, patch)), patch, contrast_weight)


def _exposure_error(enhanced: Tensor, target: Tensor, patch: int, contrast_weight: float) -> Tensor:
    brightness = patch_brightness(enhanced, patch)
    value = (brightness - target).square().mean(dim=(1, 2, 3))
    if contrast_weight == 0:
        return value
    flat = F.interpolate(brightness, size=enhanced.shape[-2:], mode="bilinear", align_corners=False)
    return value + contrast_weight * (enhanced - flat).abs().mean(dim=(1, 2, 3))


def region_target(
    brightness: Tensor,
    targets: tuple[float, float, float] = (0.95, 0.4, 0.6),
    thresholds: tuple[float, float, float] = (0.12, 0.4, 0.8),
    widths: tuple[float, float, float] = (0.05, 0.05, 0.08),
) -> Tensor:
    """Soft dark, mid and bright regions, each with its target; that of bright ones is a factor of ``brightness``."""
    (dark, mid, factor), (t_dark, t_mid, t_bright), (w_dark, w_mid, w_bright) = targets, thresholds, widths
    # normalised masks are a softmax of their logarithms, which cannot underflow to 0/0 however narrow the widths are
    masks = [
        F.logsigmoid((t_dark - brightness) / w_dark),
        F.logsigmoid((brightness - t_dark) / w_dark) + F.logsigmoid((t_mid - brightness) / w_mid),
        F.logsigmoid((brightness - t_bright) / w_bright),
    ]
    is_dark, is_mid, is_bright = torch.softmax(torch.stack(masks), dim=0)
    return dark * is_dark + mid * is_mid + factor * brightness * is_bright


def monotone_target(brightness: Tensor, targets: tuple[float, float, float], knot: float) -> Tensor:
    """Straight lines from (0, dark) over (knot, mid) to (1, bright): never decreasing when the targets are not."""
    dark, mid, bright = targets
    rise, rest = (brightness / knot).clamp(max=1.0), ((brightness - knot) / (1.0 - knot)).clamp(min=0.0)
    return dark + (mid - dark) * rise + (bright - mid) * rest


@final
class MultiRegionExposure(Loss):
    r"""Rewards a strong boost of dark regions and restraint in bright ones, against one exposure for the whole image.

    Formula: $\frac{1}{P}\sum_p (e_p - T(o_p))^2$, $o_p$ and $e_p$ the means of patch $p$ of input and enhanced image.
    Documented target: $T(o) = (m_d D + m_m M + m_b B o) / (m_d + m_m + m_b)$ with $m_d = \sigma((t_d-o)/w_d)$, $m_m =
    \sigma((o-t_d)/w_d)\,\sigma((t_m-o)/w_m)$, $m_b = \sigma((o-t_b)/w_b)$.
    Returns: (N,), in [0, 1 + contrast_weight], 0 exactly when every patch has its target (and no contrast term).
    Scale: mean over channels, the pixels of a patch, and patches.
    Source: the documented system and its released script, whose stage 1 constants are the defaults (stage 2 has
    ``bright_target_factor = 0.65``). *Differs:* the released script adds 0.2 x its contrast term, off here.
    Pitfalls: the documented target is not monotone: it maps 0 to 0.90 and 0.4 to 0.40, which no monotone curve
    can do; ``target = "monotone"`` draws lines through (0, ``dark_target``), (``mid_threshold``, ``mid_target``),
    (1, ``bright_target_factor``) instead. The released contrast term, mean |enhanced - its patch means enlarged|, is
    inverted: it penalises local contrast and colour, and a flat grey image scores best.

    Example:
        >>> import torch
        >>> black = torch.zeros(1, 3, 8, 8)
        >>> monotone = {"target": "monotone", "dark_target": 0.3, "mid_target": 0.6, "bright_target_factor": 0.9}
        >>> MultiRegionExposure(**monotone)(enhanced=black, low=black)
        tensor([0.0900])
    """

    class Config(zerokd.Config):
        patch: int = Field(8, ge=1, le=1024, description="side of a patch, pixels")
        target: Literal["regions", "monotone"] = Field("regions", description="documented masks, or monotone lines")
        dark_target: float = Field(0.95, ge=0.0, le=1.0, description="target brightness of dark patches, 0 to 1")
        mid_target: float = Field(0.4, ge=0.0, le=1.0, description="target brightness of mid patches, 0 to 1")
        bright_target_factor: float = Field(
            0.6, ge=0.0, le=1.0, description="share of their brightness that bright patches keep"
        )
        dark_threshold: float = Field(
            0.12, gt=0.0, lt=1.0, description="brightness below which a patch is dark, 0 to 1"
        )
        mid_threshold: float = Field(0.4, gt=0.0, lt=1.0, description="brightness up to which a patch is mid, 0 to 1")
        bright_threshold: float = Field(0.8, gt=0.0, lt=1.0, description="brightness from which one is bright, 0 to 1")
        dark_width: float = Field(0.05, ge=1e-3, le=1.0, description="softness of the dark threshold, brightness")
        mid_width: float = Field(0.05, ge=1e-3, le=1.0, description="softness of the mid threshold, brightness")
        bright_width: float = Field(0.08, ge=1e-3, le=1.0, description="softness of the bright threshold, brightness")
        contrast_weight: float = Field(
            0.0, ge=0.0, le=1.0, description="weight of the released, inverted contrast term"
        )

        @property
        def targets(self) -> tuple[float, float, float]:
            return self.dark_target, self.mid_target, self.bright_target_factor

        @property
        def thresholds(self) -> tuple[float, float, float]:
            return self.dark_threshold, self.mid_threshold, self.bright_threshold

        @property
        def widths(self) -> tuple[float, float, float]:
            return self.dark_width, self.mid_width, self.bright_width

        @model_validator(mode="after")
        def _require_ascending(self) -> MultiRegionExposure.Config:
            if self.target == "regions" and list(self.thresholds) != sorted(self.thresholds):
                names = "dark_threshold <= mid_threshold <= bright_threshold"
                raise ValueError(f"the regions need {names}, got {self.thresholds}")
            if self.target == "monotone" and list(self.targets) != sorted(self.targets):
                names = "dark_target <= mid_target <= bright_target_factor"
                raise ValueError(f'target = "monotone" needs {names}, got {self.targets}; try 0.3, 0.6, 0.9')
            return self

    ports = {
        "enhanced": Port("the enhanced image", range=(0.0, 1.0), grad=True, default="student.enhanced", like="low"),
        "low": Port("the low-light input", range=(0.0, 1.0), default="low"),
    }
    bounds = (0.0, 2.0)

    def __init__(self, **options: Any):
        super().__init__(**options)
        if self.config.contrast_weight > 0:
            self.cautions += ("the released contrast term is inverted: a flat grey image scores better than the input",)
        curve = self.target_brightness(torch.linspace(0, 1, 11)).tolist()
        falls = {(i, j): curve[i] - curve[j] for j in range(11) for i in range(j)}
        dark, bright = max(falls, key=lambda pair: round(falls[pair], 1))  # of equal falls, the nearest pair
        if falls[dark, bright] > 0.005:
            examples = f"{dark / 10:g} to become {curve[dark]:.2f} and {bright / 10:g} to become {curve[bright]:.2f}"
            self.cautions += (f"the target is not monotone: it asks patches of {examples}",)

    def min_size(self) -> int:
        return self.config.patch

    def target_brightness(self, brightness: Tensor) -> Tensor:
        """Return the target of patches that have this brightness in the input."""
        config = self.config
        if config.target == "monotone":
            return monotone_target(brightness, config.targets, config.mid_threshold)
        return region_target(brightness, config.targets, config.thresholds, config.widths)

    def forward(self, *, enhanced: Tensor, low: Tensor) -> Tensor:
        return self.compare(*self.prepare(low=low), enhanced=enhanced)

    def prepare(self, *, low: Tensor) -> tuple[Tensor, ...]:
        """Return the target brightness of each patch."""
        return (self.target_brightness(patch_brightness(low, self.config.patch)),)

    def compare(self, *low: Tensor, enhanced: Tensor) -> Tensor:
        """Return the value per image, from the target brightness of each patch."""
        (target,) = low
        return _exposure_error(enhanced, target, self.config.patch, self.config.contrast_weight)
