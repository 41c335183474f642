"""Exposure, untouched bright images, dark zones, smoothing, and tiles that are the whole to the bit."""

import numpy as np
import pytest
import torch

from zerokd.models.auto_exposure import AutoExposure

REACH = AutoExposure.reach
GENERATOR = torch.Generator().manual_seed(0)


def seeded(**options):
    torch.manual_seed(0)
    return AutoExposure(**options).eval()


def noisy(level, deviation, size=(96, 128)):
    noise = torch.randn(1, 3, *size, generator=GENERATOR) * (deviation / 255)
    return ((level + noise).clamp(0, 1) * 255).round() / 255


def test_it_has_118_parameters():
    assert AutoExposure().parameter_count() == 7 * 8 + 8 + 8 * 6 + 6 == 118


def test_a_bright_picture_is_left_as_it_is_to_the_bit():
    bright = 0.56 + 0.4 * torch.rand(2, 3, 41, 30, generator=GENERATOR)
    assert torch.equal(seeded()(bright)["enhanced"], bright)


@torch.no_grad()
@pytest.mark.parametrize("level", [0.05, 0.15, 0.3])
def test_a_dark_picture_is_brought_near_the_exposure(level):
    low = (level * (1 + 0.3 * torch.rand(1, 3, 64, 80, generator=GENERATOR))).clamp(max=1)
    assert seeded()(low)["enhanced"].amax(1).mean().item() == pytest.approx(0.54, abs=0.03)


@torch.no_grad()
def test_night_stays_night_and_nothing_is_blown_out():
    night = torch.full((1, 3, 64, 64), 1 / 255)
    assert seeded()(night)["enhanced"].max() < 0.1
    low = torch.rand(1, 3, 64, 64, generator=GENERATOR) ** 3
    enhanced = seeded()(low)["enhanced"]
    assert (enhanced <= low.clamp(min=0.99)).all()


@torch.no_grad()
def test_a_dark_figure_before_a_window_is_lifted_without_a_halo():
    low = torch.full((1, 3, 128, 192), 0.75)
    low[..., 32:, 64:128] = 0.04
    lifted, flat = (seeded(lift=lift)(low)["enhanced"] for lift in (16.0, 0.0))
    assert lifted[..., 60:, 80:112].mean() > 2 * flat[..., 60:, 80:112].mean()
    assert lifted[..., 60:, 80:112].mean() > 0.2
    window = lifted[0, 0, 80, :60]
    assert (window.max() - window.min()).item() < 0.02, "the window is as bright beside the figure as far from it"


@torch.no_grad()
def test_noise_becomes_less_than_the_curve_alone_makes_of_it():
    low = noisy(0.08, 3.0)
    smooth, rough = (seeded(denoise=share)(low)["enhanced"] for share in (1.0, 0.0))
    assert smooth.std() < 0.8 * rough.std()
    assert abs(float(smooth.mean() - rough.mean())) < 0.02


@torch.no_grad()
@pytest.mark.parametrize("size", [(150, 201), (64, 64), (37, 300)])
def test_a_region_is_the_whole_where_it_sees_enough(size):
    model, low = seeded(), noisy(0.1, 2.0, size)
    state, whole = model.measure(low), model(low)["enhanced"]
    height, width = size
    top, bottom, left, right = 20, min(height, 60), 0, 40
    first, last, start, stop = top - REACH, min(height, bottom + REACH), 0, right + REACH
    part = model.render(low[..., first:last, start:stop], state, (first, start, height, width))
    expected = whole[..., top:bottom, left:right]
    assert torch.allclose(part[..., top - first : bottom - first, left : right - start], expected, atol=2e-7)


@torch.no_grad()
@pytest.mark.parametrize(("row", "column"), [(50, 50), (51, 50), (51, 51)])
def test_no_pixel_sees_farther_than_its_reach(row, column):
    model, low = seeded(), noisy(0.1, 2.0, (101, 101))
    state, region = model.measure(low), (0, 0, 101, 101)
    changed = low.clone()
    changed[..., row, column] = 1.0
    difference = (model.render(changed, state, region) - model.render(low, state, region)).abs().amax((0, 1)).numpy()
    rows, columns = np.nonzero(difference)
    assert 8 < max(abs(rows - row).max(), abs(columns - column).max()) <= REACH


@torch.no_grad()
def test_each_picture_of_a_batch_is_exposed_by_itself():
    model = seeded()
    low = torch.rand(3, 3, 40, 33, generator=GENERATOR) * torch.tensor([0.1, 0.4, 1.0]).view(3, 1, 1, 1)
    together = model(low)["enhanced"]
    for index in range(3):
        assert torch.allclose(together[index], model(low[index : index + 1])["enhanced"][0], atol=1e-5)


def test_smoothed_is_the_image_where_every_gain_is_one_and_its_base_where_it_is_nought():
    model, low = seeded().double(), torch.rand(1, 3, 20, 30, dtype=torch.float64, generator=GENERATOR) * 0.5 + 0.2
    with torch.no_grad():
        model.gains.weight.zero_()
        model.gains.bias.fill_(50.0)
        assert torch.allclose(model(low)["smoothed"], low, atol=1e-12)
        model.gains.bias.fill_(-50.0)
        assert model(low)["smoothed"].std() < 0.4 * low.std()


@torch.no_grad()
def test_strength_0_is_the_image_1_the_enhanced_one_and_2_is_brighter():
    model, low = seeded(), noisy(0.1, 2.0, (30, 41))
    state = model.measure(low)
    none, trained, more = (model.render(low, state, (0, 0, 30, 41), strength) for strength in (0.0, 1.0, 2.0))
    assert torch.equal(none, low)
    assert torch.equal(trained, model(low)["enhanced"])
    assert more.mean() > trained.mean() + 0.05
