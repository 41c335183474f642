"""Filters against integration, noise against its statistics, reflectances against their bounds."""

import numpy as np
import pytest

from zerokd.data.ray_cast.textures import (
    asphalt,
    books,
    bricks,
    cover_interval,
    cover_stripes,
    fabric,
    hash_cells,
    mix,
    plaster,
    rug,
    sample_noise,
    tiles,
    wood,
)

TEXTURES = {
    "plaster": plaster((0.6, 0.6, 0.5)),
    "wood": wood((0.4, 0.3, 0.2)),
    "bricks": bricks((0.3, 0.15, 0.1)),
    "tiles": tiles((0.5, 0.5, 0.4), (0.1, 0.1, 0.1)),
    "fabric": fabric((0.1, 0.2, 0.3), (0.5, 0.4, 0.3)),
    "rug": rug((0.1, 0.2, 0.3), (0.5, 0.4, 0.3), (1.0, 0.8)),
    "books": books(),
    "asphalt": asphalt(),
}


@pytest.fixture
def places():
    u, v = np.random.default_rng(0).uniform(-3, 3, (2, 4000)).astype(np.float32)
    return u, v, np.full(4000, 1e-3, np.float32)


def test_stripes_cover_what_integration_finds():
    x = np.linspace(-1, 1, 57, dtype=np.float32)
    for footprint in (0.01, 0.1, 0.35):
        inner = x[:, None] + np.linspace(-0.5, 0.5, 2001) * footprint
        expected = (inner % 0.3 < 0.1).mean(1)
        assert cover_stripes(x, 0.3, 0.1, np.full(57, footprint)) == pytest.approx(expected, abs=0.01)


def test_an_interval_covers_whole_parts_and_no_pixels():
    x = np.array([0.0, 0.5, 1.0, 2.0])
    assert cover_interval(x, 0.5, 1.5, np.full(4, 0.2)) == pytest.approx([0, 0.5, 1, 0])


def test_noise_has_unit_variance_and_repeats(places):
    u, v, _ = places
    noise = sample_noise(100 * u, 100 * v)
    assert abs(noise.mean()) < 0.1
    assert 0.6 < noise.std() < 1.1  # between the points of its table it is smoother
    assert np.allclose(sample_noise(u + 256, v - 512), sample_noise(u, v), atol=1e-3)


def test_noise_fades_where_a_pixel_covers_more_of_it(places):
    u, v, _ = places
    deviations = [sample_noise(100 * u, 100 * v, np.full(4000, footprint)).std() for footprint in (1, 4, 16)]
    assert deviations[0] > deviations[1] > deviations[2] > 0


def test_hashes_are_uniform_and_stable():
    column, row = np.mgrid[-50:50, -50:50]
    values = hash_cells(column, row, 3)
    assert np.array_equal(values, hash_cells(column, row, 3))
    assert not np.array_equal(values, hash_cells(column, row, 4))
    assert np.histogram(values, 10, (0, 1))[0].min() > 700
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("name", TEXTURES)
def test_surfaces_reflect_part_of_the_light(name, places):
    colour = TEXTURES[name](*places)
    assert colour.shape == (3, 4000)
    assert colour.dtype == np.float32
    assert colour.min() > 0
    assert np.quantile(colour, 0.999) < 1
    assert colour.std() > 0.005


@pytest.mark.parametrize("name", [name for name in TEXTURES if name not in ("books", "rug")])
def test_detail_averages_out_at_a_distance(name, places):
    u, v, footprint = places
    near, far = TEXTURES[name](u, v, footprint), TEXTURES[name](u, v, footprint * 1000)
    assert far.std(1).mean() < near.std(1).mean()


def test_a_mixture_goes_from_one_colour_to_the_other():
    first, second = np.zeros((3, 1)), np.ones((3, 1))
    assert mix(first, second, np.array([0, 0.25, 1])).tolist() == [[0, 0.25, 1]] * 3
