"""Irradiance against the laws that it follows, and windows against Monte Carlo integration."""

import numpy as np
import pytest

from zerokd.data.ray_cast.lights import AreaLight, Lamp, Sun, cross, soften, warm
from zerokd.data.ray_cast.shapes import to_column

DOWN = to_column((0, -1, 0))


def irradiate(light, point, normal):
    return light.irradiate(to_column(point), to_column(normal))[:, 0]


def test_lamps_follow_the_inverse_square_and_the_cosine():
    lamp = Lamp((0, 0, 0), (1, 2, 4), 0.001)
    assert irradiate(lamp, (0, -1, 0), (0, 1, 0)) == pytest.approx([1, 2, 4], rel=1e-4)
    assert irradiate(lamp, (0, -2, 0), (0, 1, 0)) == pytest.approx([0.25, 0.5, 1], rel=1e-4)
    slanted = irradiate(lamp, (0, -1, 0), (np.sin(1.0), np.cos(1.0), 0))
    assert slanted == pytest.approx(np.cos(1.0) * np.array([1, 2, 4]), rel=1e-4)
    assert irradiate(lamp, (0, -1, 0), (0, -1, 0)).tolist() == [0, 0, 0]


def test_a_shade_lets_light_out_downwards_and_upwards():
    lamp = Lamp((0, 0, 0), (1, 1, 1), 0.001, side=0.2, down=0.5, up=0.8)
    assert irradiate(lamp, (0, -1, 0), (0, 1, 0))[0] == pytest.approx(1, rel=1e-3)
    assert irradiate(lamp, (0, 1, 0), (0, -1, 0))[0] == pytest.approx(1, rel=1e-3)
    assert irradiate(lamp, (1, 0, 0), (-1, 0, 0))[0] == pytest.approx(0.2, rel=1e-3)
    angle = np.radians(50)  # within the lower cone of 60 degrees, outside the upper one of 37
    below, above = (np.sin(angle), -np.cos(angle), 0), (np.sin(angle), np.cos(angle), 0)
    assert irradiate(lamp, below, np.negative(below))[0] == pytest.approx(1, rel=1e-3)
    assert irradiate(lamp, above, np.negative(above))[0] == pytest.approx(0.2, rel=1e-3)


def test_beams_have_soft_edges():
    assert soften(np.array([0.0, 0.5, 1.0]), 0.5) == pytest.approx([0, 0.5, 1])


def integrate_panel(panel, point, normal):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 1, 200_000))
    offset = panel.position + a * panel.across + b * panel.upward - to_column(point)
    squared = (offset * offset).sum(0)
    facing = np.cross(panel.across[:, 0], panel.upward[:, 0])
    area = 4 * np.linalg.norm(facing)
    facing = facing / np.linalg.norm(facing)
    at_point = np.maximum((offset * to_column(normal)).sum(0), 0)
    at_panel = np.maximum(-(offset * facing[:, None]).sum(0), 0)
    return panel.radiance[:, 0] * (at_point * at_panel / squared**2).mean() * area


@pytest.mark.parametrize(
    ("point", "normal"),
    [((0, 0, 1), (0, 0, -1)), ((0.5, -1, 2), (0, 1, 0)), ((-1.5, 0.3, 1), (1, 0, 0)), ((3, -1, 4), (0, 0.6, -0.8))],
)
def test_windows_light_as_integration_says(point, normal):
    panel = AreaLight((0, 0.5, 0), (0.7, 0, 0), (0, 0.4, 0), (1, 2, 3))
    if normal == (0, 1, 0):  # the whole panel is above the point's horizon
        assert panel.position[1, 0] - 0.4 > point[1]
    assert irradiate(panel, point, normal) == pytest.approx(integrate_panel(panel, point, normal), rel=0.02)


def test_a_window_that_fills_the_view_gives_pi_times_its_radiance():
    panel = AreaLight((0, 0, 0), (1000, 0, 0), (0, 1000, 0), (1, 1, 1))
    assert irradiate(panel, (0, 0, 0.5), (0, 0, -1))[0] == pytest.approx(np.pi, rel=1e-2)


def test_windows_shine_to_one_side():
    panel = AreaLight((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1))
    assert irradiate(panel, (0, 0, -1), (0, 0, 1))[0] == 0
    assert panel.radius == pytest.approx((4 / np.pi / 3) ** 0.5)


def test_the_sun_shines_through_openings_only():
    sun = Sun((-1, 1, 0), (2, 2, 2), 0, -1.0, ((1.0, 2.0, -1.0, 1.0),))  # an opening from y = 1 to 2, z = -1 to 1
    normal = (0, 1, 0)
    assert irradiate(sun, (0.5, 0, 0), normal)[0] == pytest.approx(2 / 2**0.5, rel=1e-5)  # its ray passes at y = 1.5
    assert irradiate(sun, (2.0, 0, 0), normal)[0] == 0  # at y = 3
    assert irradiate(sun, (0.5, 0, 2.0), normal)[0] == 0
    assert irradiate(sun, (0, 0, 0), normal)[0] == pytest.approx(1 / 2**0.5, rel=1e-3)  # on the edge
    assert np.linalg.norm(sun.position) == pytest.approx(60)


def test_warm_lamps_have_little_blue():
    assert warm(2, 0) == (2, 2, 2)
    assert warm(1, 1) == (1, 0.66, 0.3)


def test_cross_products():
    x, y = to_column((1, 0, 0)), to_column((0, 1, 0))
    assert cross(x, y).ravel().tolist() == [0, 0, 1]
