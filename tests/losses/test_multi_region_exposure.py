"""Multi-region exposure: golden figures, the documented target's table, and the monotone one beside it."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from zerokd.losses.multi_region_exposure import MultiRegionExposure, monotone_target, region_target

MONOTONE = {"target": "monotone", "dark_target": 0.3, "mid_target": 0.6, "bright_target_factor": 0.9}
STAGES = [("multi_region_exposure.stage1", 0.6), ("multi_region_exposure.stage2", 0.65)]


def grey(level, side=16):
    return torch.full((1, 3, side, side), level, dtype=torch.float64)


@pytest.mark.parametrize(("stage", "factor"), STAGES)
def test_golden_region_part(golden, stage, factor):
    value = MultiRegionExposure(bright_target_factor=factor)(enhanced=golden["enh"], low=golden["low"])
    torch.testing.assert_close(value, golden.values(stage, "region_part_only"), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("stage", "factor"), STAGES)
def test_golden_with_the_released_contrast_term(golden, stage, factor):
    loss = MultiRegionExposure(bright_target_factor=factor, contrast_weight=0.2)
    value = loss(enhanced=golden["enh"], low=golden["low"])
    torch.testing.assert_close(value, golden.values(stage), atol=1e-6, rtol=0)


def test_the_documented_target_is_not_monotone():
    target = MultiRegionExposure(bright_target_factor=0.65).target_brightness(
        torch.linspace(0, 1, 11, dtype=torch.float64)
    )
    table = [0.90, 0.73, 0.49, 0.42, 0.40, 0.39, 0.39, 0.45, 0.52, 0.58, 0.65]
    assert target.tolist() == pytest.approx(table, abs=0.005)


def test_the_target_against_its_masks_one_by_one():
    brightness = np.linspace(0, 1, 101)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    dark = sigmoid((0.12 - brightness) / 0.05)
    mid = sigmoid((brightness - 0.12) / 0.05) * sigmoid((0.4 - brightness) / 0.05)
    bright = sigmoid((brightness - 0.8) / 0.08)
    expected = (0.95 * dark + 0.4 * mid + 0.6 * brightness * bright) / (dark + mid + bright)
    np.testing.assert_allclose(region_target(torch.from_numpy(brightness)).numpy(), expected, atol=1e-12)


def test_narrow_masks_stay_finite_and_decide_sharply():
    brightness = torch.tensor([0.0, 0.1, 0.2, 0.39, 0.9, 1.0])
    target = region_target(brightness, (0.95, 0.4, 0.6), (0.12, 0.4, 0.8), (1e-3, 1e-3, 1e-3))
    torch.testing.assert_close(target, torch.tensor([0.95, 0.95, 0.4, 0.4, 0.54, 0.6]), atol=1e-4, rtol=0)
    assert torch.isfinite(region_target(torch.linspace(0, 1, 1001), widths=(1e-3, 1e-3, 1e-3))).all()


@pytest.mark.parametrize("options", [{}, {"bright_target_factor": 0.65}, MONOTONE])
@pytest.mark.parametrize("level", [0.0, 0.15, 0.4, 0.7, 1.0])
def test_the_wanted_brightness_costs_nothing(options, level):
    loss = MultiRegionExposure(**options)
    expected = loss.target_brightness(torch.tensor(level, dtype=torch.float64)).item()
    assert loss(enhanced=grey(expected), low=grey(level)).item() == pytest.approx(0.0, abs=1e-15)
    assert loss(enhanced=grey(expected + 0.05), low=grey(level)).item() == pytest.approx(0.0025)


def test_each_patch_has_its_own_target():
    low, enhanced = grey(0.0, 8), grey(0.0, 8)
    low[..., 4:], enhanced[..., 4:] = 1.0, 0.5
    loss = MultiRegionExposure(patch=4, **MONOTONE)
    assert loss(enhanced=enhanced, low=low).item() == pytest.approx((0.3**2 + 0.4**2) / 2)


def test_the_monotone_target_goes_through_its_knots():
    target = monotone_target(torch.tensor([0.0, 0.2, 0.4, 0.7, 1.0]), (0.3, 0.6, 0.9), 0.4)
    torch.testing.assert_close(target, torch.tensor([0.3, 0.45, 0.6, 0.75, 0.9]))


@pytest.mark.parametrize("targets", [(0.0, 0.0, 0.0), (0.1, 0.9, 0.9), (0.3, 0.31, 1.0)])
@pytest.mark.parametrize("knot", [0.05, 0.4, 0.95])
def test_the_monotone_target_never_falls(targets, knot):
    target = monotone_target(torch.linspace(0, 1, 257, dtype=torch.float64), targets, knot)
    assert target.diff().min() >= -1e-15
    assert target[[0, -1]].tolist() == pytest.approx([targets[0], targets[2]])


def test_the_contrast_term_prefers_a_flat_picture():
    generator = torch.Generator().manual_seed(0)
    textured = torch.rand(1, 3, 32, 32, dtype=torch.float64, generator=generator)
    flat = textured.mean(dim=(1, 2, 3), keepdim=True).expand_as(textured)
    with_contrast = MultiRegionExposure(contrast_weight=1.0)
    low, region = grey(0.1, 32), MultiRegionExposure()
    assert with_contrast(enhanced=flat, low=low).item() == pytest.approx(region(enhanced=flat, low=low).item())
    assert with_contrast(enhanced=textured, low=low) > region(enhanced=textured, low=low) + 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "monotone"}, "dark_target <= mid_target <= bright_target_factor"),
        ({**MONOTONE, "mid_target": 0.95}, "dark_target <= mid_target <= bright_target_factor"),
        ({"dark_threshold": 0.5}, "dark_threshold <= mid_threshold <= bright_threshold"),
        ({"bright_threshold": 0.3}, "dark_threshold <= mid_threshold <= bright_threshold"),
        ({"target": "smooth"}, "'regions' or 'monotone'"),
        ({"dark_width": 0.0}, "dark_width"),
        ({"contrast_weight": -0.1}, "contrast_weight"),
        ({"dark_target": 1.1}, "dark_target"),
    ],
)
def test_config_refuses(options, message):
    with pytest.raises(ValidationError, match=message):
        MultiRegionExposure(**options)


def test_monotone_does_not_care_for_the_thresholds_it_does_not_use():
    assert MultiRegionExposure(**MONOTONE, mid_threshold=0.9).min_size() == 8


def test_a_falling_target_says_what_it_asks():
    (caution,) = MultiRegionExposure().cautions
    low, high = (float(number) for number in caution.split() if number.startswith("0.") and len(number) == 4)
    target = region_target(torch.tensor([0.0, 0.3]))
    assert [low, high] == pytest.approx(target.tolist(), abs=0.005)
    assert caution == "the target is not monotone: it asks patches of 0 to become 0.90 and 0.3 to become 0.42"


def test_a_monotone_target_needs_no_caution():
    assert MultiRegionExposure(**MONOTONE).cautions == ()
    flat = {"dark_target": 0.4, "mid_target": 0.4, "bright_target_factor": 0.9}
    assert MultiRegionExposure(target="monotone", **flat).cautions == ()


def test_the_inverted_contrast_term_is_cautioned():
    (caution,) = MultiRegionExposure(**MONOTONE, contrast_weight=0.2).cautions
    assert caution.startswith("the released contrast term is inverted")
