"""A figure has a person's size, stands on the ground and looks where it should."""

import numpy as np
import pytest

from zerokd.data.ray_cast.bodies import evaluate_paint
from zerokd.data.ray_cast.figure import build_figure, wrap_upright
from zerokd.data.ray_cast.shapes import to_column


@pytest.mark.parametrize("seed", range(6))
def test_a_figure_has_a_persons_size(seed):
    bodies = build_figure(np.random.default_rng(seed), 1.0, 2.0, 0.3)
    corners = np.concatenate([np.concatenate(body.corners, 1) + body.place for body in bodies], 1)
    assert 1.7 < corners[1].max() < 1.95
    assert abs(corners[1].min()) < 0.15
    assert 0.4 < np.ptp(corners[0]) < 0.75
    assert np.abs(corners[[0, 2]].mean(1) - [1, 2]).max() < 0.15


def test_the_nose_points_towards_the_camera_at_a_yaw_of_zero():
    head = build_figure(np.random.default_rng(0), 0.0, 5.0, 0.0)[3]
    column = np.repeat(to_column((0, 1.655, 0)), 400, 1)
    column[2] = np.linspace(-0.2, 0.2, 400)
    inside = head.shape.distance(column) < 0
    assert -column[2][inside].min() > column[2][inside].max()


def test_a_face_has_dark_eyes_in_front_and_none_behind():
    head = build_figure(np.random.default_rng(3), 0.0, 0.0, 0.0)[3]
    points = np.array([[0.03, 1.676, -0.08], [0.0, 1.72, -0.08], [0.03, 1.676, 0.08]], np.float32).T
    normals = np.array([[0, 0, -1], [0, 0, -1], [0, 0, 1]], np.float32).T
    eye, forehead, nape = evaluate_paint(head.material.colour, points, normals, np.full(3, 1e-3, np.float32)).sum(0)
    assert eye < 0.5 * forehead
    assert nape == pytest.approx(forehead, rel=0.1)


def test_stripes_are_level():
    paint = wrap_upright(lambda u, v, footprint: np.stack([u, u, u]))
    points = np.array([[0.2, 1.3, 0.1], [-0.3, 1.3, 0.4]], np.float32).T
    assert np.ptp(paint(points, points, points[0])) == 0
