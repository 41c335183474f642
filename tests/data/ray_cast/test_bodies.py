"""Where rays meet bodies, against formulas and brute force; shadows and occlusion at their limits."""

import numpy as np
import pytest

from zerokd.data.ray_cast.bodies import Bodies, Body, Material, evaluate_paint, intersect_box
from zerokd.data.ray_cast.shapes import Box, Boxes, Ellipsoid, to_column

GREY = Material(to_column((0.5, 0.5, 0.5)))


@pytest.fixture
def rays():
    rng = np.random.default_rng(0)
    origin = rng.uniform(-4, 4, (3, 300)).astype(np.float32)
    origin[2] = -5
    direction = rng.uniform(-1, 1, (3, 300)).astype(np.float32) - origin / 2
    return origin, direction / np.linalg.norm(direction, axis=0), np.full(300, 100, np.float32)


def test_rays_hit_a_ball_where_the_quadratic_formula_says(rays):
    origin, direction, limit = rays
    body = Body(Ellipsoid((0, 0, 0), (1, 1, 1)), GREY, (0.5, 0.2, 1.0), yaw=0.7)
    hits = body.intersect(origin, direction, limit)
    offset = origin - body.place
    along, squared = (offset * direction).sum(0), (offset * offset).sum(0) - 1
    root = along**2 - squared
    expected = np.where(root > 0, -along - np.sqrt(np.maximum(root, 0)), np.inf)
    clear = np.abs(root) > 0.02  # grazing rays may go either way
    assert np.array_equal(np.isfinite(hits)[clear], np.isfinite(expected)[clear])
    both = np.isfinite(hits) & np.isfinite(expected) & clear
    assert np.abs(hits[both] - expected[both]).max() < 0.01


def test_a_limit_hides_what_is_behind_it(rays):
    origin, direction, limit = rays
    body = Body(Ellipsoid((0, 0, 0), (1, 1, 1)), GREY)
    assert np.isfinite(body.intersect(origin, direction, limit)).any()
    assert not np.isfinite(body.intersect(origin, direction, 0 * limit + 1)).any()


def test_a_turned_box_is_met_at_its_corner():
    for shape in (Box((0, 0, 0), (1, 1, 1)), Boxes([(0, 0, 0)], [(1, 1, 1)])):
        body = Body(shape, GREY, (0, 0, 10), yaw=np.pi / 4)
        (hit,) = body.intersect(to_column((0, 0, 0)), to_column((0, 0, 1)), np.full(1, 99, np.float32))
        assert hit == pytest.approx(10 - 2**0.5, abs=2e-3)


def test_normals_of_a_ball_are_its_radii():
    directions = np.random.default_rng(1).standard_normal((3, 50)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    normals = Body(Ellipsoid((0, 0, 0), (2, 2, 2)), GREY).compute_normals(2 * directions)
    assert np.abs(normals - directions).max() < 2e-3


@pytest.mark.parametrize("shape", [Ellipsoid((0, 0, 0), (1, 1, 1)), Boxes([(0, 0, 0)], [(1, 1, 1)])])
def test_a_body_hides_light_wholly_by_half_or_not(shape):
    body = Body(shape, GREY, (0, 0, 5))
    points = np.array([[0, 0, 0], [1, 0, 0], [3, 0, 0], [-1, 0, 0]], np.float32).T
    towards = np.repeat(to_column((1e-3, 1e-3, 10)), 4, 1)
    assert body.transmit(points, towards, 0.3) == pytest.approx([0, 0.5, 1, 0.5], abs=0.06)


def test_shadows_soften_with_the_size_of_the_light():
    body = Body(Boxes([(0, 0, 0)], [(1, 1, 1)]), GREY, (0, 0, 5))
    points = np.stack([np.linspace(0.5, 1.5, 41), np.zeros(41), np.zeros(41)]).astype(np.float32)
    towards = np.repeat(to_column((1e-3, 1e-3, 10)), 41, 1)
    small, large = (body.transmit(points, towards, radius) for radius in (0.1, 0.8))
    assert ((small > 0.05) & (small < 0.95)).sum() < ((large > 0.05) & (large < 0.95)).sum() / 3
    assert (np.diff(large) > -0.02).all()


def test_a_body_behind_the_light_hides_nothing():
    bodies = Bodies([Body(Ellipsoid((0, 0, 0), (1, 1, 1)), GREY, (0, 0, 5))])
    assert bodies.transmit(to_column((0, 0, 0)), to_column((0, 0, 3)), 0.1)[0] == 1
    assert bodies.transmit(to_column((0, 0, 0)), to_column((0, 0, 9)), 0.1)[0] == 0


def test_the_nearest_body_is_hit(rays):
    origin, direction, limit = rays
    rng = np.random.default_rng(2)
    many = [
        Body(shape((0, 0, 0), (0.6, 0.5, 0.4)), GREY, rng.uniform(-2, 2, 3), rng.uniform(0, 3))
        for shape in (Ellipsoid, Box, Ellipsoid, Box, Ellipsoid)
    ]
    travelled, numbers = Bodies(many).intersect(origin, direction, limit)
    separate = np.stack([body.intersect(origin, direction, limit) for body in many])
    assert np.array_equal(np.isfinite(separate.min(0)), numbers >= 0)
    hit = numbers >= 0
    assert 10 < hit.sum() < 290
    assert np.array_equal(separate.argmin(0)[hit], numbers[hit])
    assert np.abs(separate.min(0) - travelled)[hit].max() < 2e-3
    assert (travelled[~hit] == 100).all()


def test_a_body_darkens_what_is_close_to_it():
    bodies = Bodies([Body(Boxes([(0, 0.5, 0)], [(0.5, 0.5, 0.5)]), GREY)])
    points = np.array([[0.51, 0, 0], [0.6, 0, 0], [2, 0, 0]], np.float32).T
    upwards = np.repeat(to_column((0, 1, 0)), 3, 1)
    beside, near, far = bodies.occlude(points, upwards)
    assert beside < near < far == 1


def test_without_bodies_nothing_is_hit_or_hidden(rays):
    origin, direction, limit = rays
    travelled, numbers = Bodies([]).intersect(origin, direction, limit)
    assert (travelled == limit).all()
    assert (numbers == -1).all()
    assert (Bodies([]).transmit(origin, direction, 0.1) == 1).all()


def test_a_paint_is_a_colour_or_a_function():
    points = np.zeros((3, 2), np.float32)
    assert evaluate_paint(to_column((1, 2, 3)), points, points, points[0]).ravel().tolist() == [1, 2, 3]
    assert evaluate_paint(lambda points, normals, footprint: points + 1, points, points, points[0]).sum() == 6


def test_a_ray_that_misses_a_box_enters_after_it_leaves():
    origin, direction = to_column((0, 3, -5)), to_column((0, 0, 1))
    near, far = intersect_box(to_column((-1, -1, -1)), to_column((1, 1, 1)), origin, direction)
    assert not near[0] < far[0]
