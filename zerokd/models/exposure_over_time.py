"""How the state of auto_exposure follows the frames of a video, as the automatic exposure of a camera does."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zerokd.models.brightness_map import LEVEL, LOG_OFFSET
from zerokd.models.exposure_state import ExposureState

ATTACK_SECONDS, RELEASE_SECONDS = 0.4, 1.5  # in which the strength covers 63% of the way down, and up
LAMP_SECONDS = 15.0  # the same, down, as far as the median zone has not become brighter: a lamp came in
NOISE_SECONDS = 1.0  # the same for noise, and for the lift of dark zones
MAP_SECONDS = 0.1  # for the map of zones, which has to keep up with what moves
MAX_CHANGE = 0.08  # of log(1 + strength) from a frame to the next: no pixel moves by more than 0.02
STEADY_RATE = 0.25  # change of log brightness in a second at which half of the steadiness remains
BLACK_BRIGHTNESS = LEVEL  # a frame without a brighter zone is black
MIN_SECONDS = 1e-3  # between two frames
CUT_CHANGE, CUT_ZONES = 0.2, 0.5  # log brightness by which a zone differs across a cut, in this share of the zones
CUT_CORRELATION = 0.7  # of the zones, above which the scene is the same in another light
FLAT_VARIANCE = 0.01  # of the log brightness of zones, below which an image has nothing to recognise


def follow_exposure(
    state: ExposureState | None, before: ExposureState | None, measured: ExposureState, seconds: float
) -> ExposureState:
    r"""The state for the next frame of videos; at the start and after a cut the measured one, black frames without
    strength.

    With $x = \ln(1 + s)$ of the strength $s$, and $y$ that of the measured one, $x$ moves by
    $(y - x)(1 - e^{-t/T})$, at most by ``MAX_CHANGE``. $T$ is ``ATTACK_SECONDS`` as far down as the median zone became
    brighter, for the same $s$ at the same exposure is $1 + s \propto (1 - v)/v$, and ``LAMP_SECONDS`` for the rest. Up
    it is ``RELEASE_SECONDS``, and the step is multiplied by :func:`measure_steadiness`, so that a fade stays a fade. So
    are the steps of noise and lift. The map of zones moves by $1 - e^{-t/T}$ of the way.

    Args:
        state: for the frame before, as this function returned it; None at the start.
        before, measured: as measured, of the frame before and of this frame; shapes as in :class:`ExposureState`.
        seconds: from the frame before to this frame, 0 or more.
    """
    start = _start_state(measured)
    if state is None or before is None:
        return start
    attack, lamp, release, noise, zones = (
        1 - math.exp(-seconds / constant)
        for constant in (ATTACK_SECONDS, LAMP_SECONDS, RELEASE_SECONDS, NOISE_SECONDS, MAP_SECONDS)
    )
    steady = measure_steadiness(before, measured, seconds)
    slow, logs = noise * steady, torch.log1p(state.strength)
    gap, rise = torch.log1p(measured.strength) - logs, measured.median - state.median
    fast = torch.maximum(gap, -rise.clamp(min=0))
    change = torch.where(gap < 0, attack * fast + lamp * (gap - fast), release * steady * gap)
    change = change.clamp(-MAX_CHANGE, MAX_CHANGE)
    followed = ExposureState(
        state.noise + slow[:, None] * (measured.noise - state.noise),
        state.noisy + slow * (measured.noisy - state.noisy),
        torch.where(change == 0, state.strength, torch.expm1(logs + change).clamp(min=0)),
        state.lift + slow * (measured.lift - state.lift),
        state.median + torch.where(rise > 0, attack * rise, release * steady * rise).clamp(-MAX_CHANGE, MAX_CHANGE),
        state.slope + zones * (measured.slope - state.slope),
        state.offset + zones * (measured.offset - state.offset),
    )
    cut = _find_cuts(before, measured)
    return ExposureState(*(torch.where(_align(cut, new), new, old) for new, old in zip(start, followed, strict=True)))


def measure_steadiness(before: ExposureState, measured: ExposureState, seconds: float) -> Tensor:
    """(N,), in [0, 1]: how well a frame tells the exposure of its scene. 0 for a black frame, near 1 where the
    brightness has not changed since the frame ``before``, so many ``seconds`` ago."""
    zones, zones_before = _log_brightness(measured), _log_brightness(before)
    rate = (zones.mean(1) - zones_before.mean(1)) / max(seconds, MIN_SECONDS)
    return (~_is_black(measured) / (1 + (rate / STEADY_RATE).square())).to(measured.strength.dtype)


def _start_state(measured: ExposureState) -> ExposureState:
    """A black frame has no strength: the limit would show its noise, and the first light after it."""
    black = _is_black(measured)
    strength, lift = (torch.where(black, 0, values) for values in (measured.strength, measured.lift))
    return measured._replace(strength=strength, lift=lift)


def _is_black(state: ExposureState) -> Tensor:
    return torch.exp(_log_brightness(state).amax(1)) - LOG_OFFSET < BLACK_BRIGHTNESS


def _log_brightness(state: ExposureState) -> Tensor:
    """(N, 4096): the mean of log(v + 4/255) around each zone, in float64: its differences matter."""
    return (state.offset.double() / (1 - state.slope.double())).flatten(1)


def _find_cuts(before: ExposureState, measured: ExposureState) -> Tensor:
    """(N,): whether most zones differ, and not as the same scene in another light does."""
    first, second = _log_brightness(before), _log_brightness(measured)
    changed = ((second - first).abs() > CUT_CHANGE).double().mean(1) > CUT_ZONES
    first, second = (zones - zones.mean(1, keepdim=True) for zones in (first, second))
    variance, variance_before = (zones.square().mean(1) for zones in (second, first))
    covariance = (first * second).mean(1)
    differs = covariance * covariance.abs() <= CUT_CORRELATION**2 * variance * variance_before
    return changed & differs & (torch.maximum(variance, variance_before) > FLAT_VARIANCE)


def _align(flags: Tensor, values: Tensor) -> Tensor:
    return flags.view(-1, *(1,) * (values.ndim - 1))
