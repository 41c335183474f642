"""Streets: houses along both sides, lamps between them, nights and dusks."""

from itertools import pairwise

import numpy as np
import pytest

from zerokd.data.ray_cast.lights import AreaLight, Lamp
from zerokd.data.ray_cast.renderer import render_scene
from zerokd.data.ray_cast.street_scene import LAMP_SPACING, build_street


@pytest.fixture(scope="module")
def streets():
    return [build_street(np.random.default_rng(seed)) for seed in range(20)]


def test_houses_line_both_sides_without_gaps(streets):
    for scene in streets:
        for side in (-1, 1):
            row = [house for house in scene.shell.houses if np.sign(house.low[0, 0] + house.high[0, 0]) == side]
            assert row[0].low[2, 0] < 0
            assert all(a.high[2, 0] == b.low[2, 0] for a, b in pairwise(row))
            assert all(min(abs(h.low[0, 0]), abs(h.high[0, 0])) == pytest.approx(scene.shell.half_width) for h in row)
            assert row[-1].high[2, 0] > 60


def test_lamps_stand_on_alternating_sides(streets):
    for scene in streets:
        lamps = [light for light in scene.lights if isinstance(light, Lamp) and light.down < 1]
        assert len(lamps) == 5
        assert np.diff([lamp.position[2, 0] for lamp in lamps]) == pytest.approx(LAMP_SPACING)
        assert all(a.position[0, 0] * b.position[0, 0] < 0 for a, b in pairwise(lamps))


def test_shop_windows_light_the_street_and_not_the_houses(streets):
    panels = [light for scene in streets for light in scene.lights if isinstance(light, AreaLight)]
    assert panels
    for panel in panels:
        facing = np.cross(panel.across[:, 0], panel.upward[:, 0])
        assert facing[0] * panel.position[0, 0] < 0


def test_some_streets_are_wet_and_skies_differ(streets):
    wet = [scene.shell.wet > 0 for scene in streets]
    assert 0.3 < np.mean(wet) < 0.9
    skies = [float(scene.shell.sky[0, 0]) for scene in streets]
    assert max(skies) > 10 * min(skies)


def test_a_seed_gives_a_street_with_lights_far_brighter_than_the_rest():
    first, again, other = (render_scene(build_street(np.random.default_rng(seed)), 20, 20) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert first.max() > 10 * np.median(first)
    assert np.isfinite(first).all()
