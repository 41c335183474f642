"""The sensor against hand-computed values and its own noise model."""

import numpy as np
import pytest

from zerokd.data.leaf_scene import LUMINANCE_WEIGHTS
from zerokd.data.ray_cast.sensor import encode_srgb, meter_light, take_photo


def decode(image):
    encoded = image / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return -np.log(1 - linear)


def test_srgb_by_hand():
    assert encode_srgb(np.float32([0, 0.002, 0.5, 1])) == pytest.approx([0, 0.02584, 0.735357, 1], abs=1e-5)


def test_a_photo_without_noise_by_hand():
    light = np.float32([0.0, 0.1, 1.0, 100.0]).reshape(1, 4, 1)
    image = take_photo(np.random.default_rng(0), light, 1.0, 0.0, 5.0)
    assert image.dtype == np.uint8
    assert image.ravel().tolist() == [0, 118, 239, 255]  # 255 * srgb(1 - exp(-2 * light))


@pytest.mark.parametrize(("level", "gain", "read_noise"), [(0.4, 1e-3, 3.0), (0.2, 2e-3, 10.0), (0.4, 1e-4, 0.0)])
def test_noise_has_the_variance_of_photons_and_reading(level, gain, read_noise):
    light = np.full((300, 300, 3), level, np.float32)
    signal = decode(take_photo(np.random.default_rng(1), light, 0.0, gain, read_noise))
    step = np.gradient(decode(np.arange(255.0)))[round(255 * float(encode_srgb(np.float32(1 - np.exp(-level)))))]
    assert signal.var() == pytest.approx(gain * level + (gain * read_noise) ** 2 + step**2 / 12, rel=0.03)
    assert signal.mean() == pytest.approx(level, rel=0.01)


def test_stops_double_the_light():
    light = np.random.default_rng(2).uniform(0.01, 0.2, (8, 8, 3)).astype(np.float32)
    brighter, doubled = (
        take_photo(np.random.default_rng(0), x, s, 0.0, 0.0) for x, s in ((light, 1.0), (2 * light, 0.0))
    )
    assert np.array_equal(brighter, doubled)


def test_metering_sets_the_log_average():
    light = np.random.default_rng(3).uniform(0.5, 2, (16, 16, 3)).astype(np.float32)
    metered = meter_light(light, 0.2)
    luminance = metered @ LUMINANCE_WEIGHTS
    assert np.exp(np.log(luminance + 0.02 * luminance.mean()).mean()) == pytest.approx(0.2, rel=1e-4)
    assert meter_light(100 * light, 0.2) == pytest.approx(metered, rel=1e-4)
