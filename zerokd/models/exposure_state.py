"""What auto_exposure measures on the whole image: noise, the strength of the curve, and a small brightness map."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from zerokd.models.brightness_map import LEVEL, fit_brightness_map
from zerokd.models.pyramid import haar_diagonal, mean_of_squares, pad_to_even, to_luma_chroma
from zerokd.models.reinhard_curve import ramp, reinhard_curve, strength_falloff

BINS = 256  # of the histogram
GRID_INTERVALS, GRID_REFINEMENTS = 64, 3  # of the strength
BIN_ROUNDING = 0.51  # means of four 8-bit levels end in .5, and rounding errors must not choose their bin
MAX_STRENGTH_CLEAN, MAX_STRENGTH_NOISY = 16.0, 60.0
NOISY_RANGE = (0.45 * LEVEL, 0.75 * LEVEL)  # luma noise from which an image starts to count as noisy, and does in full
LAMP_RANGE = (0.5, 0.9)  # brightness from which a pixel leaves the metering of a dark image, gradually
NIGHT_RANGE = (0.3, 0.2)  # mean luma below which lamps leave the metering, gradually
MIN_METERED_SHARE = 0.05  # of pixels that are no lamps
BLACK_RANGE = (1 / 64, 1 / 16)  # of the subject's brightness: a pixel with less leaves the metering, gradually
BLOCK = 8  # cells of 2x2 pixels on a side of a block whose noise is measured
NOISE_QUANTILE = 0.25  # of the blocks
MIN_BLOCKS = 20
MIN_NOISE = 0.05 * LEVEL  # a block with less was flattened by a codec, or is black
BLOCK_RANGE = (2 * LEVEL, 140 * LEVEL)  # mean luma of blocks that tell the noise of dark areas
MAX_LUMA_TO_CHROMA_NOISE = 2.0  # texture is grey, noise is coloured
DARK_ZONE, DARK_SHARE = (0.13, 0.11), (0.01, 0.04)  # brightness below which a cell is dark; share of such cells
BRIGHT_ZONE, BRIGHT_SHARE = (0.39, 0.41), (0.02, 0.10)  # as above: dark zones are lifted beside bright ones only
MEDIAN_MARGIN = LEVEL / 2  # from 0 and 1


class ExposureState(NamedTuple):
    """Facts of whole images. In a video :func:`zerokd.models.exposure_over_time.follow_exposure` moves them over time.

    Attributes:
        noise: (N, 4), standard deviation of luma and chroma noise at full size, then at half size, in [0, 1].
        noisy: (N,), 0 for clean images to 1 for noisy ones.
        strength: (N,), strength of the curve, 0 or more; 0 leaves an image as it is.
        lift: (N,), share of the lift of dark zones, in [0, 1].
        median: (N,), log(v / (1 - v)) of the median zone's brightness v.
        slope, offset: (N, 1, 64, 64), the brightness of a pixel's zone is exp(slope log(v + 4/255) + offset) - 4/255.
    """

    noise: Tensor
    noisy: Tensor
    strength: Tensor
    lift: Tensor
    median: Tensor
    slope: Tensor
    offset: Tensor


@torch.no_grad()
def measure_exposure_state(low: Tensor, exposure: float) -> ExposureState:
    """The state of images (N, 3, H, W) in [0, 1], each by itself, for a mean brightness of ``exposure``."""
    low = pad_to_even(low.to(torch.promote_types(low.dtype, torch.float32)))
    noise = measure_noise(to_luma_chroma(low))
    noisy = ramp(torch.minimum(noise[:, 0], 0.8 * noise[:, 1]), *NOISY_RANGE)
    half = mean_of_squares(low)
    value, luma = half.amax(1, keepdim=True), to_luma_chroma(half)[:, 0]
    strength = find_strength(value, luma.mean((1, 2)), noisy, exposure)
    slope, offset, zones = fit_brightness_map(value)
    dark, bright = (ramp(zones, *limits).mean((1, 2, 3)) for limits in (DARK_ZONE, BRIGHT_ZONE))
    lift = ramp(dark, *DARK_SHARE) * ramp(bright, *BRIGHT_SHARE)
    ordered = zones.flatten(1).sort(1).values  # median() has no deterministic form on a GPU
    median = torch.logit(ordered[:, (ordered.shape[1] - 1) // 2], MEDIAN_MARGIN)
    return ExposureState(noise, noisy, strength, lift, median, slope, offset)


def measure_noise(planes: Tensor) -> Tensor:
    """(N, 4): the noise of luma and chroma planes (N, 3, H, W) of even sides, as in :class:`ExposureState`.

    It is the lower quartile, over blocks of 16x16 pixels, of the root mean square of the Haar diagonal.
    """
    diagonal, mean = haar_diagonal(planes), mean_of_squares(planes)  # both carry a pixel's noise, at full and half size
    mean = pad_to_even(mean)
    half_diagonal, half_mean = haar_diagonal(mean), mean_of_squares(mean)
    full, half = (_block_mean(part.square(), side) for part, side in ((diagonal, BLOCK), (half_diagonal, BLOCK // 2)))
    brightness = _block_mean(half_mean[:, :1], BLOCK // 2).flatten(1)
    energies = torch.stack(
        [part for band in (full, half) for part in (band[:, 0], (band[:, 1] + band[:, 2]) / 2)], 1
    ).flatten(2)
    measured = energies[:, 0] > MIN_NOISE**2
    dark = measured & (brightness > BLOCK_RANGE[0]) & (brightness < BLOCK_RANGE[1])
    fallback = measured | ~measured.any(1, keepdim=True)
    has_dark = dark.sum(1, keepdim=True) >= MIN_BLOCKS
    chosen = (has_dark & dark) | (~has_dark & fallback)
    noise = masked_quantile(energies, chosen, NOISE_QUANTILE).sqrt()
    limit = MAX_LUMA_TO_CHROMA_NOISE * noise[:, 1::2]
    return torch.stack([torch.minimum(noise[:, ::2], limit), noise[:, 1::2]], 2).flatten(1)


def masked_quantile(values: Tensor, mask: Tensor, quantile: float) -> Tensor:
    """(N, K): the quantile of the values (N, K, M) where the mask (N, M) is true, interpolated between neighbours."""
    ordered = torch.where(mask[:, None], values, torch.inf).sort(2).values
    position = quantile * (mask.sum(1) - 1).to(values.dtype)
    first = position.floor().long()
    upper = torch.minimum(first + 1, mask.sum(1) - 1)
    lower_value, upper_value = (
        ordered.gather(2, index[:, None, None].expand(-1, values.shape[1], 1))[..., 0] for index in (first, upper)
    )
    return lower_value + (position - first)[:, None] * (upper_value - lower_value)


def find_strength(value: Tensor, mean_luma: Tensor, noisy: Tensor, exposure: float) -> Tensor:
    """(N,): the strength at which the mean of the brightened ``value`` (N, 1, H, W) is ``exposure``, within its limit.

    What is black beside the subject leaves the metering: a night sky stays black. Lamps leave that of dark images,
    unless they would then become darker.
    """
    bins = (value.flatten(1).clamp(0, 1) * (BINS - 1) + BIN_ROUNDING).long()
    counts = torch.zeros(value.shape[0], BINS, dtype=torch.long, device=value.device)
    histogram = counts.scatter_add(1, bins, torch.ones_like(bins)).to(value.dtype)
    histogram = histogram / histogram.sum(1, keepdim=True)
    levels = torch.arange(BINS, dtype=value.dtype, device=value.device) / (BINS - 1)
    limit = MAX_STRENGTH_CLEAN + (MAX_STRENGTH_NOISY - MAX_STRENGTH_CLEAN) * noisy[:, None]
    without_lamps = histogram * ramp(levels, *reversed(LAMP_RANGE))
    share = without_lamps.sum(1, keepdim=True)
    night = ramp(mean_luma, *NIGHT_RANGE)[:, None] * (share > MIN_METERED_SHARE)
    both = _remove_blacks(torch.cat([histogram, without_lamps / share.clamp(min=1e-6)]), levels)
    strength, night_strength = _solve_strength(both, levels, torch.cat([limit, limit]), exposure).unflatten(0, (2, -1))
    return (strength + night * (night_strength - strength).clamp(min=0))[:, 0]


def _remove_blacks(histogram: Tensor, levels: Tensor) -> Tensor:
    """(N, 256), with a sum of 1. The subject's brightness is the mean of brightness weighted by itself."""
    tiny = torch.finfo(levels.dtype).tiny
    mean, mean_square = (histogram * levels).sum(1), (histogram * levels.square()).sum(1)
    subject = mean_square / mean.clamp(min=tiny)
    metered = histogram * ramp(levels / subject.clamp(min=tiny)[:, None], *BLACK_RANGE)
    share = metered.sum(1, keepdim=True)
    return torch.where(share > 0, metered / share.clamp(min=tiny), histogram)


def _solve_strength(histogram: Tensor, levels: Tensor, limit: Tensor, exposure: float) -> Tensor:
    """(N, 1), by refining a grid, then linear within its interval; 0 for images that are bright enough."""
    weakest, width, falloff = torch.zeros_like(limit), limit, strength_falloff(levels)
    steps = torch.arange(GRID_INTERVALS + 1, dtype=levels.dtype, device=levels.device) / GRID_INTERVALS
    for _ in range(GRID_REFINEMENTS):
        strengths = weakest + width * steps
        curves = reinhard_curve(levels, strengths[..., None] / falloff)
        means = (histogram[:, None] * curves).sum(2)
        below = (means < exposure).sum(1, keepdim=True)
        index = (below - 1).clamp(0, GRID_INTERVALS - 1)
        weakest, width = strengths.gather(1, index), width / GRID_INTERVALS
    mean, next_mean = means.gather(1, index), means.gather(1, index + 1)
    share = ((exposure - mean) / (next_mean - mean).clamp(min=torch.finfo(mean.dtype).tiny)).clamp(0, 1)
    return weakest + width * share


def _block_mean(image: Tensor, side: int) -> Tensor:
    """The mean of each block of ``side`` pixels on a side; blocks at the border have fewer."""
    amount = (0, side - 1, 0, side - 1)
    return F.avg_pool2d(F.pad(image, amount), side) / F.avg_pool2d(F.pad(torch.ones_like(image[:, :1]), amount), side)
