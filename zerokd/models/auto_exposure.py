"""Exposure from the whole image, and smoothing by learned gains in three resolutions."""

from __future__ import annotations

from typing import final

import torch
from pydantic import Field
from torch import Tensor, nn

import zerokd
from zerokd import Model, Signal
from zerokd.models.brightness_map import LEVEL, Region, zone_brightness
from zerokd.models.exposure_over_time import follow_exposure, measure_steadiness
from zerokd.models.exposure_state import ExposureState, measure_exposure_state
from zerokd.models.pyramid import (
    Bands,
    blur,
    mean_of_squares,
    pad_to_even,
    split_bands,
    to_luma_chroma,
    to_rgb,
    upsample,
)
from zerokd.models.reinhard_curve import ramp, reinhard_curve, strength_falloff

LUMA_NOISE_RANGE = (0.6 * LEVEL, 1.2 * LEVEL)  # from which luma starts to be smoothed in full, and is
SHOWN_NOISE_RANGE = (10 * LEVEL, 20 * LEVEL)  # the same for the noise after the curve
MIN_LUMA_SHARE = 0.3  # of luma smoothing, for clean images
HALF_SIZE_LUMA_SHARE = 0.5  # of luma smoothing, for the two bands of half size
CRISPNESS, MAX_CRISPNESS = 0.4, 0.1  # share of half-size luma detail that is added, at most this share of luma
FADING_CHROMA = 3 * LEVEL  # brightness at which half of a noisy pixel's chroma remains
RIM = 2.0  # zones around a pixel count up to this times its own brightness
OWN_SHARE = 0.7  # of its own brightness counts at least
ZONE_BRIGHTNESS = 0.15  # where the lift of dark zones falls to half
SMOOTHING_STRENGTH = 0.5  # of the curve, at which half of the smoothing applies
WHITE = 0.99  # nothing becomes brighter
FEATURE_FLOOR, MIN_NOISE_VARIANCE = 0.03, 1e-6


@final
class AutoExposure(Model):
    r"""Brightens an image to a set mean, lifts dark zones beside bright ones, and smooths where the curve shows noise.

    ``measure`` looks at the whole image: its noise, the strength $s$ at which the mean of
    $C(v, s/F(v))$ is the ``exposure``, $v = \max(R, G, B)$, and a map of 64x64 zones. Pixels below 1/16 of the subject,
    whose brightness is the mean of $v$ weighted by $v$, leave that mean gradually. ``render`` is local. It splits luma
    and chroma into three bands and a base, and multiplies each band by a gain in (0, 1) that a network of two 1x1
    convolutions chooses from the bands' energy relative to the noise: 118 parameters, all there are.

    Formula: $C(x, s) = \frac{x (1 + s)}{1 + s x}$, $F(c) = 1 + (c/0.8)^4$; enhanced is $C(z, S)$ with
    $S = \max\!\left(\frac{s}{F(c)}, \frac{l\,q}{(1 + (b/0.15)^2) F(c)}\right)$, $b$ the brightness of the pixel's
    zone, $c$ that of its surroundings, $l$ the ``lift``, $q \in [0, 1]$ for images with both dark and bright zones; $z$
    is the input, smoothed more the larger $S$ is. ``smoothed`` is the whole effect of the gains, without a curve, for
    an objective that trains them. An image as bright as the ``exposure``, without a dark zone, stays unchanged.
    Source: this project. The curve: Reinhard et al., SIGGRAPH 2002; the zones: guided filter, He, Sun, Tang, ECCV 2010;
    noise from the Haar diagonal: Donoho and Johnstone, Biometrika 1994.
    Pitfalls: exposure is a matter of taste that an image does not tell. Codecs that flatten noise hide it from
    ``measure``.

    Example:
        >>> model = AutoExposure()
        >>> model.parameter_count()
        118
        >>> bright = torch.full((1, 3, 8, 8), 0.7)
        >>> bool((model(bright)["enhanced"] == bright).all())
        True
    """

    class Config(zerokd.Config):
        hidden: int = Field(8, ge=1, le=64, description="hidden channels of the network that chooses gains")
        exposure: float = Field(0.54, gt=0.0, lt=1.0, description="mean of the brightest channel of enhanced images")
        lift: float = Field(16.0, ge=0.0, le=100.0, description="strength of the curve in dark zones; 0: no lift")
        denoise: float = Field(1.0, ge=0.0, le=1.0, description="share of smoothing; 0: none")

    gated = ("hidden",)
    reach = 16
    follow, steadiness = staticmethod(follow_exposure), staticmethod(measure_steadiness)

    def __init__(self, **options: object):
        super().__init__(**options)
        self.hidden = nn.Conv2d(7, self.config.hidden, 1)
        self.gains = nn.Conv2d(self.config.hidden, 6, 1)
        with torch.no_grad():
            self.gains.weight.mul_(0.3)
            nn.init.constant_(self.gains.bias, -0.5)  # type: ignore[arg-type]

    def outputs(self) -> dict[str, Signal]:
        return {"enhanced": Signal(range=(0.0, 1.0)), "smoothed": Signal(range=(0.0, 1.0))}

    def forward(self, low: Tensor) -> dict[str, Tensor]:
        state = self.measure(low)
        height, width = low.shape[2:]
        bands = split_bands(to_luma_chroma(pad_to_even(low)))
        gains = self.find_gains(bands, state.noise)
        smoothed, _ = _combine(bands, gains)
        region = Region(0, 0, height, width)
        return {
            "enhanced": self._render(low, state, region, bands, gains),
            "smoothed": to_rgb(smoothed)[..., :height, :width].clamp(0, 1),
        }

    def measure(self, low: Tensor) -> ExposureState:
        """The state of whole images (N, 3, H, W) in [0, 1]."""
        return measure_exposure_state(low, self.config.exposure)

    def render(
        self, low: Tensor, state: ExposureState, region: tuple[int, int, int, int], strength: float = 1.0
    ) -> Tensor:
        """Enhance a ``region`` of images whose state is known; ``strength`` multiplies that of the curve."""
        bands = split_bands(to_luma_chroma(pad_to_even(low)))
        gains = self.find_gains(bands, state.noise)
        return self._render(low, state, Region(*region), bands, gains, strength)

    def find_gains(self, bands: Bands, noise: Tensor) -> Tensor:
        """(N, 6, h, w) at half size, in (0, 1): gains of luma and chroma, from the finest band to the coarsest."""
        full, half = (noise[:, i : i + 2, None, None].square() + MIN_NOISE_VARIANCE for i in (0, 2))
        energies = (
            blur(mean_of_squares(_energy(bands.fine))) / full,
            blur(_energy(bands.middle)) / half,
            blur(_energy(bands.coarse), 2) / half,
        )
        brightness = torch.log2(bands.base[:, :1].clamp(0, 1) / LEVEL + 4) - 4
        features = torch.cat([torch.log2(torch.cat(energies, 1) + FEATURE_FLOOR), brightness], 1)
        return torch.sigmoid(self.gains(torch.relu(self.hidden(features))))

    def _render(
        self, low: Tensor, state: ExposureState, region: Region, bands: Bands, gains: Tensor, factor: float = 1.0
    ) -> Tensor:
        height, width = low.shape[2:]
        image, strength = pad_to_even(low), _per_image(state.strength)
        planes, half = _combine(bands, self._limit_gains(gains, state), CRISPNESS)
        small = to_rgb(half).amax(1, keepdim=True).clamp(0, 1)
        value = upsample(small)
        chroma = planes[:, 1:] * (value / (value + FADING_CHROMA * _per_image(state.noisy) + MIN_NOISE_VARIANCE))
        smooth = to_rgb(torch.cat([planes[:, :1], chroma], 1)).clamp(0, 1)
        value = smooth.amax(1, keepdim=True)
        zone, around = (
            upsample(zone_brightness(small, state.slope, state.offset, region)).clamp(0, 1),
            upsample(blur(small)),
        )
        surroundings = torch.minimum(torch.maximum(zone, around), RIM * value + 4 * LEVEL)
        falloff = strength_falloff(torch.maximum(surroundings, OWN_SHARE * value))
        lift = self.config.lift * _per_image(state.lift) / (1 + (zone / ZONE_BRIGHTNESS).square())
        local = factor * torch.maximum(strength, lift) / falloff
        mixed = image + local / (local + SMOOTHING_STRENGTH) * (smooth - image)
        enhanced = torch.minimum(reinhard_curve(mixed, local), image.clamp(min=WHITE))
        return enhanced[..., :height, :width].clamp(0, 1)

    def _limit_gains(self, gains: Tensor, state: ExposureState) -> Tensor:
        """The gains of clean images come nearer to 1: less luma smoothing."""
        luma, denoise = state.noise[:, 0], self.config.denoise
        shown = ramp(luma * (1 + state.strength), *SHOWN_NOISE_RANGE)
        share = MIN_LUMA_SHARE + (1 - MIN_LUMA_SHARE) * torch.maximum(ramp(luma, *LUMA_NOISE_RANGE), shown)
        shares = [share if band == 0 else HALF_SIZE_LUMA_SHARE * share for band in range(3)]
        both = torch.stack([part for luma_share in shares for part in (luma_share, torch.ones_like(share))], 1)
        return 1 - denoise * both[:, :, None, None] * (1 - gains)


def _energy(band: Tensor) -> Tensor:
    """(N, 2, h, w): the squares of luma, and of both chroma channels on average."""
    square = band.square()
    return torch.cat([square[:, :1], (square[:, 1:2] + square[:, 2:]) / 2], 1)


def _combine(bands: Bands, gains: Tensor, crispness: float = 0.0) -> tuple[Tensor, Tensor]:
    """Luma and chroma of the bands times their gains, at full and at half size; ``crispness`` adds luma detail."""
    fine, middle, coarse = (torch.cat([gains[:, i : i + 2], gains[:, i + 1 : i + 2]], 1) for i in (0, 2, 4))
    detail = middle * bands.middle + coarse * bands.coarse
    half = bands.base + detail
    luma = half[:, :1]
    bound = MAX_CRISPNESS * torch.minimum(luma, 1 - luma).clamp(min=0)
    crisp = torch.minimum(torch.maximum(crispness * detail[:, :1], -bound), bound)
    half = torch.cat([luma + crisp, half[:, 1:]], 1) if crispness else half
    return upsample(half) + upsample(fine) * bands.fine, half


def _per_image(numbers: Tensor) -> Tensor:
    return numbers[:, None, None, None]
