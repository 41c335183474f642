"""Photos of linear light: exposure, sensor noise, tone curve, sRGB."""

from __future__ import annotations

import numpy as np

from zerokd.data.leaf_scene import LUMINANCE_WEIGHTS
from zerokd.data.ray_cast.shapes import Array

METERING_FLOOR = np.float32(0.02)  # of the mean luminance: black parts do not decide the exposure


def meter_light(light: Array, key: float) -> Array:
    """Scale ``light`` (H, W, 3) so that its log-average luminance is ``key``.

    Source: Reinhard et al.: Photographic tone reproduction, SIGGRAPH 2002.
    """
    luminance = light @ LUMINANCE_WEIGHTS
    average = np.exp(np.log(luminance + METERING_FLOOR * luminance.mean()).mean())
    return light * np.float32(key / average)


def take_photo(rng: np.random.Generator, light: Array, stops: float, gain: float, read_noise: float) -> Array:
    """The photo of linear ``light`` (H, W, 3), uint8: exposed by ``stops``, with noise, tone curve 1 - exp(-x), sRGB.

    The sensor counts electrons, of which one is worth ``gain``: the variance of a signal x is
    gain * x + (gain * read_noise)^2, from photons, approximately Gaussian, and from reading, ``read_noise`` electrons.
    Without a gain there is no noise. Source: EMVA Standard 1288, release 4.0.
    """
    signal = light * np.float32(2.0**stops)
    if gain:
        spread = np.sqrt(np.float32(gain) * signal + np.float32((gain * read_noise) ** 2))
        signal = np.maximum(signal + spread * rng.standard_normal(light.shape, np.float32), 0)
    return np.rint(255 * encode_srgb(1 - np.exp(-signal))).astype(np.uint8)


def encode_srgb(linear: Array) -> Array:
    """Linear values in [0, 1] as sRGB: IEC 61966-2-1."""
    return np.where(
        linear <= 0.0031308, 12.92 * linear, np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    )
