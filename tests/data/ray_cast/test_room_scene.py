"""Rooms: everything is inside, lamps and windows light them, the same seed gives the same room."""

import numpy as np
import pytest

from zerokd.data.ray_cast.lights import AreaLight, Lamp, Sun
from zerokd.data.ray_cast.renderer import render_scene
from zerokd.data.ray_cast.room_scene import bounce_light, build_back_lit_room, build_lamp_room

BUILDERS = [build_lamp_room, build_back_lit_room]


@pytest.mark.parametrize("build", BUILDERS)
def test_everything_is_in_the_room(build):
    for seed in range(30):
        scene = build(np.random.default_rng(seed))
        low, high = scene.shell.low - 0.05, scene.shell.high + 0.05
        for body in scene.bodies.bodies:
            assert (body.centre > low).all(), seed
            assert (body.centre < high).all(), seed
        for light in scene.lights:
            assert isinstance(light, Sun) or ((light.position > low) & (light.position < high)).all()
        assert ((scene.camera.position > low) & (scene.camera.position < high)).all()


@pytest.mark.parametrize("build", BUILDERS)
def test_a_seed_gives_a_room_and_another_one_gives_another(build):
    first, again, other = (render_scene(build(np.random.default_rng(seed)), 24, 24) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert np.isfinite(first).all()
    assert first.min() > 0


def test_a_back_lit_room_has_a_person_far_darker_than_the_sky():
    ratios = []
    for seed in range(4):
        light = render_scene(build_back_lit_room(np.random.default_rng(seed)), 20, 20).mean(2)
        ratios.append(np.quantile(light, 0.98) / np.median(light))
    assert min(ratios) > 3


def test_rooms_by_lamplight_have_lamps_and_different_rooms_have_different_ones():
    scenes = [build_lamp_room(np.random.default_rng(seed)) for seed in range(40)]
    lamps = [[light for light in scene.lights if isinstance(light, Lamp)] for scene in scenes]
    assert {len(found) for found in lamps} == {1, 2}
    ratios = [found[0].intensity[2, 0] / found[0].intensity[0, 0] for found in lamps]
    assert (np.array(ratios) < 0.8).mean() > 0.7  # most are warm
    assert max(ratios) > 1  # some are coloured
    assert 0.3 < np.mean([bool(scene.shell.windows) for scene in scenes]) < 0.9


def test_surfaces_pass_on_the_flux_of_an_integrating_sphere():
    size = (2.0, 2.0, 2.0)
    lamp = Lamp((0, 1, 1), (1, 1, 1))
    reflectance = 0.38
    expected = 4 * np.pi * reflectance / (24 * (1 - reflectance))
    assert bounce_light(size, [lamp]).ravel() == pytest.approx(expected * np.array([1.05, 1, 0.92]), rel=1e-4)
    panel = AreaLight((0, 1, 2), (0.5, 0, 0), (0, 0.5, 0), (2, 2, 2))
    assert bounce_light(size, [panel])[1, 0] == pytest.approx(
        2 * np.pi * reflectance / (24 * (1 - reflectance)), rel=1e-4
    )
