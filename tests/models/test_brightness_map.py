"""Cells by hand, edges that are followed, texture that is averaged, and any region as part of the whole."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from zerokd.models.brightness_map import MAP_SIDE, Region, fit_brightness_map, zone_brightness


@pytest.mark.parametrize("size", [(1, 1), (5, 64), (100, 130), (64, 64)])
def test_a_flat_image_is_one_zone(size):
    slope, offset, zones = fit_brightness_map(torch.full((1, 1, *size), 0.3, dtype=torch.float64))
    assert slope.abs().max() < 1e-9
    assert torch.allclose(zones, torch.tensor(0.3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(torch.exp(offset) - 4 / 255, zones, atol=1e-9)


def test_cells_are_means_of_the_log_as_adaptive_pooling_takes_them():
    value = torch.rand(1, 1, 97, 150, dtype=torch.float64)
    slope, offset, zones = fit_brightness_map(value)
    cells = F.adaptive_avg_pool2d(torch.log(value + 4 / 255), MAP_SIDE)
    assert torch.allclose(torch.log(zones + 4 / 255), slope * cells + offset, atol=1e-12)


def test_an_edge_between_dark_and_bright_is_followed():
    value = torch.full((1, 1, 128, 128), 0.02)
    value[..., 64:] = 0.8
    zones = fit_brightness_map(value)[2][0, 0, 32]
    assert zones[31] < 0.05, "a guided filter keeps what a mean of seven cells would blur"
    assert zones[32] > 0.6
    texture = 0.3 * (1 + 0.2 * torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(1)))
    assert fit_brightness_map(texture)[0].max() < 0.2 < fit_brightness_map(value)[0][0, 0, 32, 31]


def test_a_region_has_the_values_of_the_whole():
    small = torch.rand(1, 1, 50, 70)
    slope, offset, _ = fit_brightness_map(small)
    whole = zone_brightness(small, slope, offset, Region(0, 0, 99, 140))
    part = zone_brightness(small[..., 10:30, 20:45], slope, offset, Region(20, 40, 99, 140))
    assert np.allclose(part, whole[..., 10:30, 20:45], atol=1e-6)


def test_maps_are_interpolated_as_torch_does():
    cells = torch.rand(1, 1, MAP_SIDE, MAP_SIDE, dtype=torch.float64)
    small = torch.full((1, 1, 90, 33), 0.2, dtype=torch.float64)
    result = zone_brightness(small, torch.zeros_like(cells), cells, Region(0, 0, 180, 66))
    expected = F.interpolate(cells, size=(90, 33), mode="bilinear", align_corners=False)
    assert torch.allclose(torch.log(result + 4 / 255), expected, atol=1e-12)
