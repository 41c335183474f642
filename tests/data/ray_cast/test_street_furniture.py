"""Letters, street lamps and cars."""

import numpy as np
import pytest

from zerokd.data.ray_cast.shapes import to_column
from zerokd.data.ray_cast.street_furniture import (
    SIGNS,
    STROKES,
    build_car,
    build_sign,
    build_street_lamp,
    measure_strokes,
)


def test_distances_to_a_letter_by_hand():
    x, y = np.float32([2, 2, 7.5, 4]), np.float32([3, 8, 3, 3])
    assert measure_strokes("I", x[:2], y[:2]).tolist() == [0, 2]
    assert measure_strokes("II", x, y).tolist() == pytest.approx([0, 2, 0, 2])
    assert measure_strokes("L", np.float32([0, 4]), np.float32([6, 6])).tolist() == [0, 4]


def test_every_sign_can_be_written_and_no_letter_looks_like_another():
    assert {letter for word in SIGNS for letter in word} <= set(STROKES)
    y, x = np.mgrid[0:6.1:0.5, 0:4.1:0.5].astype(np.float32)
    drawings = {tuple((measure_strokes(letter, x, y) < 0.3).ravel()) for letter in STROKES}
    assert len(drawings) == len(STROKES)


def test_a_sign_glows_on_its_front_and_lights_the_street():
    (board,), lamp = build_sign(2.0, 3.5, 9.0, "BAR", (1.0, 0.1, 0.2), 2.0)
    y, x = np.mgrid[-0.2:0.21:0.02, -0.5:0.51:0.02].astype(np.float32)
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, -0.05)]).astype(np.float32)
    front, back = (np.repeat(to_column((0, 0, side)), x.size, 1) for side in (-1, 1))
    glow = board.material.glow(points, front, np.full(x.size, 0.005, np.float32))
    assert glow[0].max() > 10 * np.median(glow[0])
    assert board.material.glow(points, back, points[0]).max() == 0
    assert lamp.intensity[0, 0] > 4 * lamp.intensity[1, 0]
    assert lamp.position[2, 0] < 9


@pytest.mark.parametrize("side", [-1, 1])
def test_a_street_lamp_leans_over_the_road_and_shines_down(side):
    bodies, lamp = build_street_lamp(4.0 * side, 10.0, 20.0, (1, 0.8, 0.5))
    assert abs(lamp.position[0, 0]) < 4
    assert lamp.position[1, 0] == pytest.approx(5)
    down = lamp.irradiate(to_column((lamp.position[0, 0], 0, 10)), to_column((0, 1, 0)))
    assert down[0, 0] == pytest.approx(20 / 25, rel=0.01)
    sideways = lamp.irradiate(to_column((lamp.position[0, 0] + 5, 5, 10)), to_column((-1, 0, 0)))
    assert sideways[0, 0] < 0.1 * down[0, 0]
    head = bodies[1]
    down, up = (head.material.glow(lamp.position, to_column((0, sign, 0)), None) for sign in (-1, 1))
    assert down[0, 0] > 100 * up[0, 0]


def test_a_car_has_a_cars_size_and_red_tail_lights():
    cars = [build_car(1.0, 8.0, np.random.default_rng(seed)) for seed in range(8)]
    low, high = cars[0][0].shape.bounds()
    assert (high - low).ravel() == pytest.approx([1.7, 1.1, 4.2], abs=0.15)
    point = np.float32([[0.62], [0.7], [-2.05]])
    glows = [car[0].material.glow(point, to_column((0, 0, -1)), None)[:, 0] for car in cars]
    assert {bool(glow[0] > 1) for glow in glows} == {True, False}
    assert all(glow[0] >= 20 * glow[1] for glow in glows)
