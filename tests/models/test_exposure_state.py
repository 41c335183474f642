"""Noise of known deviation, strength that meets the exposure, lamps, nights, and dark zones beside bright ones."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from zerokd.models.exposure_state import find_strength, masked_quantile, measure_exposure_state, measure_noise
from zerokd.models.pyramid import to_luma_chroma
from zerokd.models.reinhard_curve import reinhard_curve, strength_falloff

RNG = np.random.default_rng(0)


def noisy_image(level, deviation, size=(256, 256), colour=None):
    noise = RNG.normal(0, deviation / 255, (1, 3, *size))
    if colour == "grey":
        noise[:] = noise[:, :1]
    return torch.from_numpy(level / 255 + noise).float()


@pytest.mark.parametrize("deviation", [1.0, 4.0])
def test_white_noise_is_measured(deviation):
    noise = measure_noise(to_luma_chroma(noisy_image(60, deviation)))[0] * 255
    weights = np.array([0.299, 0.587, 0.114])
    luma = deviation * np.linalg.norm(weights)
    chroma = deviation * np.sqrt(np.mean([np.sum((np.eye(3)[i] - weights) ** 2) for i in (0, 2)]))
    assert noise.tolist() == pytest.approx(
        [luma, chroma, luma / 2, chroma / 2], rel=0.2
    )  # the lower quartile is a little low


def test_grey_texture_is_not_noise():
    noise = measure_noise(to_luma_chroma(noisy_image(60, 5, colour="grey")))[0]
    assert noise[0] <= 2 * noise[1] + 1e-9
    assert noise[0] < 1e-6


def test_the_quantile_of_chosen_values_is_numpys():
    values = torch.rand(3, 4, 50, dtype=torch.float64)
    mask = torch.rand(3, 50) < 0.4
    result = masked_quantile(values, mask, 0.25)
    for index in range(3):
        expected = np.quantile(values[index][:, mask[index]].numpy(), 0.25, axis=1)
        assert np.allclose(result[index], expected, atol=1e-12)


def curve_mean(levels, strength):
    """Of the curve at this strength, over equal shares of 8-bit levels."""
    values = torch.tensor(levels, dtype=torch.float64) / 255
    return float(reinhard_curve(values, strength / strength_falloff(values)).mean())


@pytest.mark.parametrize("level", [0.06, 0.2, 0.5])
def test_strength_is_where_the_curve_meets_the_exposure(level):
    value = torch.full((1, 1, 40, 40), round(level * 255) / 255, dtype=torch.float64)
    expected = brentq(lambda s: curve_mean([round(level * 255)], s) - 0.54, 0, 60)
    result = find_strength(value, torch.tensor([0.5]), torch.ones(1, dtype=torch.float64), 0.54)
    assert result.item() == pytest.approx(expected, abs=60 / 2**16)


def test_bright_images_have_no_strength_and_black_ones_the_greatest():
    clean, noisy = torch.zeros(1), torch.ones(1)
    assert find_strength(torch.full((1, 1, 8, 8), 0.6), torch.tensor([0.6]), clean, 0.54).item() == 0
    black = torch.zeros(1, 1, 8, 8)
    assert find_strength(black, torch.zeros(1), clean, 0.54).item() == pytest.approx(16, abs=0.01)
    assert find_strength(black, torch.zeros(1), noisy, 0.54).item() == pytest.approx(60, abs=0.01)


def test_a_lamp_that_enters_a_dark_room_does_not_darken_it():
    room = torch.full((1, 3, 120, 120), 0.08)
    lamp = room.clone()
    lamp[..., :30, :60] = 0.95
    before, after = (measure_exposure_state(image, 0.54).strength.item() for image in (room, lamp))
    assert after == pytest.approx(before, rel=0.02)


def strength_of(*levels):
    """Of an image of equal shares of levels."""
    value = torch.tensor(levels)[None, None, :, None] / 255
    return float(find_strength(value, value.mean((1, 2, 3)), torch.zeros(1), 0.54))


def test_what_is_black_beside_the_subject_leaves_the_metering():
    assert strength_of(0, 0, 0, 102, 102) == pytest.approx(strength_of(102))
    assert strength_of(1, 102) == pytest.approx(strength_of(102))  # 1 / 101 is less than 1/64
    # The mean of 10 and 102, weighted by themselves, is 93.8: more than 1/16 of it is 10, which counts in full.
    expected = brentq(lambda s: curve_mean([10, 102], s) - 0.54, 0, 16)
    assert strength_of(10, 102) == pytest.approx(expected, abs=1e-3)


def test_blacks_leave_gradually():
    # The subject of 4 and 102 is at 98.3; 4 / 98.3 is .0407, .535 of the way from 1/64 to 1/16.
    share = (4 / ((4**2 + 102**2) / (4 + 102)) - 1 / 64) / (1 / 16 - 1 / 64)
    expected = brentq(lambda s: (share * curve_mean([4], s) + curve_mean([102], s)) / (share + 1) - 0.54, 0, 16)
    assert strength_of(4, 102) == pytest.approx(expected, abs=1e-3)


def test_dark_zones_are_lifted_beside_bright_ones_only():
    window = torch.full((1, 3, 128, 128), 0.05)
    window[..., 64:] = 0.8
    assert measure_exposure_state(window, 0.54).lift.item() == 1
    for flat in (0.05, 0.8):
        assert measure_exposure_state(torch.full((1, 3, 128, 128), flat), 0.54).lift.item() == 0


def test_each_image_is_measured_by_itself():
    images = torch.rand(3, 3, 40, 52) * torch.tensor([0.1, 0.4, 1.0]).view(3, 1, 1, 1)
    together = measure_exposure_state(images, 0.54)
    for index in range(3):
        alone = measure_exposure_state(images[index : index + 1], 0.54)
        assert all(torch.allclose(a[index], b[0], atol=1e-6) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 1), (15, 17), (33, 47)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_images_of_any_size_have_a_finite_state_without_noise(size, level):
    state = measure_exposure_state(torch.full((2, 3, *size), level), 0.54)
    assert all(torch.isfinite(value).all() for value in state)
    assert state.noise.abs().max() < 1e-6
    assert state.noisy.max() == 0
