"""Walls, windows and what is outside, where geometry says."""

import numpy as np
import pytest

from zerokd.data.ray_cast.room_shell import (
    BACK,
    CEILING,
    FLOOR,
    LEFT,
    PANE,
    WINDOW_LABEL,
    Outlook,
    RoomShell,
    Window,
    leave_box,
)
from zerokd.data.ray_cast.shapes import to_column
from zerokd.data.ray_cast.textures import plaster

DAY = Outlook((3, 3, 3), (1, 2, 4), (0.1, 0.2, 0.1))


def build_shell(**options):
    textures = {face: plaster((0.1 * face + 0.1,) * 3, 0.0) for face in range(6)}
    window = Window(BACK, (-1, 1), (1, 2), DAY)
    return RoomShell((-2, 0, 0), (2, 2.5, 4), textures, [window], **options)


def look(shell, origin, direction):
    direction = to_column(direction) / np.linalg.norm(direction)
    travelled, labels = shell.intersect(to_column(origin), direction)
    points = to_column(origin) + direction * travelled
    return travelled[0], labels[0], shell.describe(points, direction, labels, travelled * 1e-3)


@pytest.mark.parametrize(
    ("direction", "distance", "face"), [((-1, 0, 0), 2, LEFT), ((0, -1, 0), 0.5, FLOOR), ((0, 1, 0), 2, CEILING)]
)
def test_rays_leave_by_the_nearest_face(direction, distance, face):
    travelled, label, surface = look(build_shell(), (0, 0.5, 2), direction)
    assert (travelled, label) == (distance, face)
    assert surface.normals[:, 0] == pytest.approx(-np.array(direction))
    assert surface.colour[0, 0] == pytest.approx(0.1 * face + 0.1, rel=1e-4)


def test_a_ray_through_a_window_reaches_the_pane_behind_the_wall_and_sees_the_sky():
    travelled, label, surface = look(build_shell(), (0.5, 1.5, 2), (0, 0.2, 1))
    assert label == WINDOW_LABEL + PANE
    assert travelled / 1.04**0.5 == pytest.approx(2.2, abs=0.01)
    assert surface.glow[0, 0] > 1
    assert surface.glow[2, 0] > 0


def test_a_steep_ray_meets_the_side_of_the_opening():
    _, label, surface = look(build_shell(), (0, 1.1, 3.9), (1, 0, 0.105))
    assert label not in (BACK, WINDOW_LABEL + PANE)
    assert surface.normals[:, 0].tolist() == [-1, 0, 0]
    assert surface.glow.max() == 0


def test_frames_divide_a_window():
    window = Window(BACK, (0, 0), (2, 1), DAY, panes=(2, 1))
    u = np.array([0.5, 1.0, 1.5, 0.01])
    covered = window.cover_frame(u, np.full(4, 0.5), np.full(4, 1e-3))
    assert covered == pytest.approx([0, 1, 0, 1])
    assert len(window.find_openings()) == 2
    (low, high, *_), _ = window.find_openings()
    assert (low, high) == pytest.approx((0.04, 0.96))


def test_the_sky_is_above_trees_and_houses_have_lit_windows():
    azimuth = np.linspace(-0.8, 0.8, 4000)
    small = np.full(4000, 1e-4)

    def look_at(outlook, elevation):
        directions = np.stack([np.sin(azimuth), np.full(4000, np.tan(elevation)), np.cos(azimuth)]).astype(np.float32)
        return outlook.look(directions, small)

    assert look_at(DAY, 0.6).mean() > 1.5
    assert look_at(DAY, -0.3).mean() < 0.3
    town = look_at(Outlook((0, 0, 0), (0, 0, 0), (0.01, 0.01, 0.01), 1.0), -0.056)
    assert 0.02 < (town[0] > 0.02).mean() < 0.3


def test_corners_get_less_ambient_light_and_a_carpet_has_no_gloss():
    shell = build_shell(gloss=0.05, carpet=plaster((0.9, 0.1, 0.1), 0.0), carpet_middle=2.0)
    points, upwards = np.array([[0, 0, 2], [1.95, 0, 2]], np.float32).T, np.repeat(to_column((0, 1, 0)), 2, 1)
    middle, corner = shell.occlude(points, upwards)
    assert corner < 0.8 * middle <= 1
    _, _, on_carpet = look(shell, (0, 1, 2), (0, -1, 0))
    _, _, beside = look(shell, (1.5, 1, 2), (0, -1, 0))
    assert on_carpet.colour[:, 0] == pytest.approx([0.9, 0.1, 0.1], rel=1e-3)
    assert (on_carpet.gloss[0], beside.gloss[0]) == (0, np.float32(0.05))


def test_leaving_a_box_by_hand():
    travelled, face = leave_box(
        to_column((0, 0, 0)), to_column((1, 1, 1)), to_column((0.5, 0.5, 0.5)), to_column((0, 0.6, 0.8))
    )
    assert travelled[0] == pytest.approx(0.625)
    assert face[0] == BACK
