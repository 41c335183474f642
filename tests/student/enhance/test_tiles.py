"""Piece by piece is the same as at once, whatever the pieces."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from zerokd.models.le_curve import le_curve
from zerokd.models.nano_dce import NanoDce
from zerokd.student.enhance import tiles
from zerokd.student.enhance.engines import disable_onednn
from zerokd.student.enhance.tiles import TiledNetwork, apply_curve, downscale, pixels_to_float, write_pixels


def network(model=None, reach=3, iterations=4, **names):
    model = (model or NanoDce()).eval()

    @torch.no_grad()
    def outputs(low):
        with disable_onednn():
            return {name: made.numpy() for name, made in model(torch.from_numpy(low)).items()}

    return model, TiledNetwork(outputs, reach, iterations)


def noise(height, width, channels=3):
    return np.random.default_rng(0).random((height, width, channels), np.float32)


def whole(band, image):
    to = image.copy()
    band(to, 0, len(image))
    return to


@pytest.mark.parametrize("tile", [(256, 512), (16, 40), (5, 11), (1, 3)])
@pytest.mark.parametrize("step", [1, 7, 39])
def test_the_rows_that_are_asked_for_change_no_bit(monkeypatch, tile, step):
    monkeypatch.setattr(tiles, "TILE_ROWS", tile[0])
    monkeypatch.setattr(tiles, "TILE_COLUMNS", tile[1])
    _, tiled = network()
    image = noise(40, 53)
    to, band = np.empty_like(image), tiled.prepare_image(image, 1.0)
    for first in range(0, 40, step):
        band(to, first, min(first + step, 40))
    assert np.array_equal(to, whole(tiled.prepare_image(image, 1.0), image))


@pytest.mark.parametrize("tile", [(16, 40), (5, 11), (1, 3)])
def test_a_tile_sees_what_lies_around_it(monkeypatch, tile):
    _, tiled = network()
    image = noise(40, 53)
    at_once = whole(tiled.prepare_image(image, 1.0), image)
    monkeypatch.setattr(tiles, "TILE_ROWS", tile[0])
    monkeypatch.setattr(tiles, "TILE_COLUMNS", tile[1])
    assert np.abs(whole(tiled.prepare_image(image, 1.0), image) - at_once).max() < 1e-6


@torch.no_grad()
def test_it_is_what_the_model_gives():
    model, tiled = network()
    image = noise(20, 31)
    exact = model(torch.from_numpy(pixels_to_float(image)))["enhanced"][0].permute(1, 2, 0).numpy()
    assert np.abs(whole(tiled.prepare_image(image, 1.0), image) - exact).max() < 1e-6


def test_strength_scales_the_map_or_mixes_the_images():
    low, curve_map = np.full((1, 3, 1, 1), 0.25, np.float32), np.full((1, 3, 1, 1), -0.8, np.float32)
    assert np.isclose(apply_curve(low, curve_map, 1, 0.5).max(), 0.25 + 0.4 * 0.1875)
    assert np.isclose(apply_curve(low, curve_map, 1, 2.0).max(), 0.25 + 0.1875)  # the map ends at -1
    mixed = TiledNetwork(lambda low: {"enhanced": low * 0 + 1.0}, 0, None)
    image = noise(3, 4)
    assert np.allclose(whole(mixed.prepare_image(image, 0.25), image), image + 0.25 * (1 - image))
    assert (whole(mixed.prepare_image(image, 2.0), image) == 1).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_whole_numbers_come_and_go_unchanged_at_strength_0(kind):
    _, tiled = network()
    image = (noise(9, 7) * np.iinfo(kind).max).astype(kind)
    assert np.array_equal(whole(tiled.prepare_image(image, 0.0), image), image)


def test_alpha_stays():
    _, tiled = network()
    image = noise(9, 7, 4)
    assert np.array_equal(whole(tiled.prepare_image(image, 1.0), image)[..., 3], image[..., 3])


def test_values_beyond_the_range_are_cut_not_wrapped():
    to = np.zeros((1, 2, 3), np.uint8)
    write_pixels(to, np.array([[[[1.2, -0.1]]] * 3], np.float32).reshape(1, 3, 1, 2))
    assert to[0].tolist() == [[255] * 3, [0] * 3]


@torch.no_grad()
@pytest.mark.parametrize("size", [(40, 53), (1, 1), (12, 11), (25, 3)])
@pytest.mark.parametrize("factor", [1, 4, 12])
def test_a_smaller_map_is_enlarged_as_pytorch_does_it(size, factor):
    model, tiled = network()
    image = noise(*size)
    low = torch.from_numpy(pixels_to_float(image))
    small = F.interpolate(low, size=[max(1, side // factor) for side in size], mode="bilinear", align_corners=False)
    assert np.abs(downscale(image, factor) - small.numpy()).max() < 1e-5
    large = F.interpolate(model(small)["curve_map"], size=size, mode="bilinear", align_corners=True)
    exact = le_curve(low, large, 4)[0].permute(1, 2, 0).numpy()
    made = image.copy()
    band = tiled.prepare_downscaled(image, 1.0, factor)
    for first in range(0, size[0], 9):
        band(made, first, min(first + 9, size[0]))
    assert np.abs(made - exact).max() < 1e-4


def test_a_network_that_may_see_all_gets_all():
    seen = []
    tiled = TiledNetwork(lambda low: (seen.append(low.shape), {"enhanced": low})[1], None, None)
    image = noise(30, 2000)
    whole(tiled.prepare_image(image, 1.0), image)
    assert seen == [(1, 3, 30, 2000)]
