"""Furniture stands on the floor, lamps glow where their light is."""

import numpy as np
import pytest

from zerokd.data.ray_cast.bodies import evaluate_paint
from zerokd.data.ray_cast.furniture import (
    build_bookcase,
    build_chair,
    build_cushion,
    build_floor_lamp,
    build_frame,
    build_pendant,
    build_plant,
    build_sofa,
    build_stack,
    build_table,
    build_table_lamp,
    build_vase,
    cover_box,
)

RED = (0.5, 0.1, 0.1)


def heights(bodies):
    return min(b.corners[0][1, 0] + b.place[1, 0] for b in bodies), max(
        b.corners[1][1, 0] + b.place[1, 0] for b in bodies
    )


@pytest.mark.parametrize(
    ("bodies", "top"),
    [
        ([build_table(1, 2, 1.2, 0.6, RED)], 0.76),
        ([build_chair(1, 2, 0.5, RED)], 0.92),
        ([build_sofa(1, 2, 0.0, RED)], 0.87),
        (build_bookcase(1, 2, 0.0, 0.9, 1.8, RED, 3), 1.816),
        ([build_vase(1, 0, 2, RED)], 0.29),
        (build_stack(1, 0, 2, np.random.default_rng(0)), 0.107),
    ],
)
def test_furniture_stands_on_the_floor_and_has_a_usual_height(bodies, top):
    low, high = heights(bodies)
    assert low == pytest.approx(0, abs=0.1)
    assert high == pytest.approx(top, abs=0.02)
    assert all(body.place[0, 0] == 1 and body.place[2, 0] == 2 for body in bodies)


def test_a_plant_grows_out_of_its_pot():
    pot, leaves = build_plant(np.random.default_rng(1), 0.0, 0.0)
    assert heights([pot]) == pytest.approx((0, 0.34))
    assert 1.0 < heights([leaves])[1] < 1.5


@pytest.mark.parametrize(
    "build",
    [lambda c: build_table_lamp(0.5, 0.8, 1, c), lambda c: build_floor_lamp(0.5, 1, c),
     lambda c: build_pendant(0.5, 1.8, 1, 2.5, c)],
)  # fmt: skip
def test_a_lamp_shines_from_its_glowing_part_in_its_colour(build):
    bodies, lamp = build((3.0, 2.0, 1.0))
    (shade,) = [body for body in bodies if body.material.glow is not None]
    assert not shade.casts_shadow  # it would hide the light inside
    assert shade.shape.distance(shade.to_local(lamp.position))[0] <= 1e-6
    local = np.float32([[0.13], [shade.to_local(lamp.position)[1, 0]], [0]])
    glow = evaluate_paint(shade.material.glow, local, np.float32([[1], [0], [0]]), np.float32([0.01]))
    assert glow[0, 0] / glow[2, 0] == pytest.approx(3, rel=1e-3)
    assert lamp.intensity.ravel().tolist() == [3, 2, 1]


def test_a_print_has_a_frame_and_a_white_border():
    frame = build_frame(np.random.default_rng(0), 0, 1.5, 4, 0.8, 0.6)
    points = np.float32([[0.395, 0, 0], [0.34, 0, 0], [0, 0, 0]]).T
    edge, border, middle = frame.material.colour(points, points, np.full(3, 1e-3, np.float32)).T
    assert edge.max() < 0.1
    assert border.min() > 0.6
    assert middle.tolist() != border.tolist()


def test_a_box_shows_a_texture_on_each_face():
    paint = cover_box(lambda u, v, footprint: np.stack([u, v, u]))
    points = np.float32([[1, 2, 3]] * 3).T
    top, side, front = paint(points, np.float32([[0, 1, 0], [1, 0, 0], [0, 0, 1]]).T, points[0]).T
    assert (top[:2].tolist(), side[:2].tolist(), front[:2].tolist()) == ([1, 3], [3, 2], [1, 2])


def test_a_cushion_is_as_large_as_a_cushion():
    cushion = build_cushion(0, 0.6, 2, 0.2, RED, 1)
    assert (cushion.corners[1] - cushion.corners[0]).ravel() == pytest.approx([0.44, 0.38, 0.18])
