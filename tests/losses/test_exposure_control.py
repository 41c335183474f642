"""Exposure control: the golden figure, an independent computation, flat images, and what a remainder does."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from zerokd.losses.exposure_control import ExposureControl, exposure_control, patch_brightness


def test_golden(golden):
    value = ExposureControl()(enhanced=golden["enh"])
    torch.testing.assert_close(value, golden.values("exposure_control"), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("grey", "level", "expected"), [(0.6, 0.6, 0.0), (0.0, 0.6, 0.36), (1.0, 0.25, 0.5625)])
def test_flat_images(grey, level, expected):
    value = exposure_control(torch.full((1, 3, 16, 16), grey, dtype=torch.float64), level=level)
    assert value.item() == pytest.approx(expected, abs=1e-12)


def test_against_loops_over_patches():
    image = torch.rand(2, 3, 13, 22, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = []
    for picture in image.numpy():
        means = [picture[:, i : i + 4, j : j + 4].mean() for i in range(0, 12, 4) for j in range(0, 20, 4)]
        expected.append(np.mean([(mean - 0.3) ** 2 for mean in means]))
    assert exposure_control(image, patch=4, level=0.3).tolist() == pytest.approx(expected)


def test_a_remainder_is_not_seen():
    image = torch.zeros(1, 3, 9, 11)
    image[..., 8:, :] = 1.0
    image[..., 8:] = 1.0
    assert patch_brightness(image, 4).tolist() == [[[[0.0, 0.0], [0.0, 0.0]]]]


def test_bounds_depend_on_the_level():
    white = torch.ones(1, 3, 16, 16, dtype=torch.float64)
    assert exposure_control(white, level=0.1).item() == pytest.approx(0.81)
    assert exposure_control(1 - white, level=0.1).item() == pytest.approx(0.01)


def test_min_size_is_one_patch():
    assert ExposureControl(patch=5).min_size() == 5


@pytest.mark.parametrize("options", [{"patch": 0}, {"level": 1.5}, {"level": -0.1}, {"patch": 4.0}, {"size": 4}])
def test_config_refuses(options):
    with pytest.raises(ValidationError):
        ExposureControl(**options)
