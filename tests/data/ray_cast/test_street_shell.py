"""Sky, ground and house fronts, where geometry says."""

import numpy as np
import pytest

from zerokd.data.ray_cast.shapes import to_column
from zerokd.data.ray_cast.street_shell import FIRST_HOUSE, GROUND, SKY, House, StreetShell
from zerokd.data.ray_cast.textures import plaster

HOUSE = House((3, 0, 5), (9, 10, 15), plaster((0.5, 0.4, 0.3), 0.0), 2.0, 3.0, 3.4, 0.3, 1.0, (0.1, 0.2, 0.3), 4)


def build_shell(wet=0.0):
    return StreetShell([HOUSE], 3, 2, (0.2, 0.2, 0.2), (0.01, 0.02, 0.04), wet)


def look(shell, direction, origin=(0, 1.5, 0)):
    direction = to_column(direction) / np.linalg.norm(direction)
    travelled, labels = shell.intersect(to_column(origin), direction)
    points = to_column(origin) + direction * travelled
    return travelled[0], labels[0], shell.describe(points, direction, labels, travelled * 1e-3)


def test_up_is_sky_and_down_is_road_or_pavement():
    _, label, surface = look(build_shell(), (0, 1, 0.01))
    assert label == SKY
    assert 0 < surface.glow[0, 0] < surface.glow[2, 0]
    travelled, label, road = look(build_shell(), (0, -3, 4))
    assert (travelled, label) == (pytest.approx(2.5), GROUND)
    assert road.normals[:, 0].tolist() == [0, 1, 0]
    _, _, pavement = look(build_shell(), (0, -1, 0), (2.7, 1.5, 0))
    assert pavement.colour[0, 0] > 1.2 * road.colour[0, 0]


def test_a_house_is_met_at_its_front_or_its_side():
    travelled, label, front = look(build_shell(), (3, 0, 8))
    assert travelled == pytest.approx(73**0.5, rel=1e-5)
    assert label == FIRST_HOUSE
    assert front.normals[:, 0].tolist() == [-1, 0, 0]
    travelled, label, side = look(build_shell(), (0, 0, 1), (5, 1.5, 0))
    assert (travelled, label) == (5, FIRST_HOUSE + 2)
    assert side.normals[:, 0].tolist() == [0, 0, -1]


def test_the_asked_share_of_windows_is_lit():
    columns, rows = np.meshgrid(np.arange(60), np.arange(60))
    u, v = (columns.ravel() + 0.4) * 2.0, 3.4 + (rows.ravel() + 0.4) * 3.0  # inside the panes
    colour, glow, gloss = HOUSE.paint(u.astype(np.float32), v.astype(np.float32), np.full(3600, 1e-3, np.float32))
    assert (glow[0] > 0).mean() == pytest.approx(0.3, abs=0.04)
    assert (gloss > 0).all()
    assert colour.max() < 0.05  # glass
    wall, dark, _ = HOUSE.paint(*(np.float32([value]) for value in (2.05, 5.0, 1e-3)))
    assert dark.max() == 0
    assert wall[:, 0] == pytest.approx([0.5, 0.4, 0.3], rel=1e-3)


def test_a_wet_road_is_a_darker_rough_mirror():
    (_, _, dry), (_, _, wet) = (look(build_shell(share), (0.3, -3, 4)) for share in (0.0, 0.08))
    assert dry.gloss[0] == 0
    assert 0 < wet.gloss[0] <= 0.08
    assert (wet.colour < dry.colour).all()
    assert np.linalg.norm(wet.normals[:, 0]) == pytest.approx(1)


def test_high_walls_see_more_sky_than_corners():
    points = np.array([[3, 9, 8], [3, 0.1, 8], [0, 0, 8], [2.9, 0, 8]], np.float32).T
    normals = np.array([[-1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 1, 0]], np.float32).T
    high, low, middle, corner = build_shell().occlude(points, normals)
    assert 1 >= high > middle > corner > 0
    assert high > low > 0
