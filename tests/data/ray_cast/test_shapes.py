"""Distances by hand and by brute force."""

import numpy as np
import pytest

from zerokd.data.ray_cast.shapes import Box, Boxes, Capsule, Ellipsoid, Frustum, Union, cross_box, dot, to_column

SHAPES = {
    "box": Box((0, 0.2, 0), (0.5, 0.3, 0.4), 0.1),
    "boxes": Boxes([(0, 0, 0), (0.5, 0.4, 0)], [(0.3, 0.3, 0.3), (0.1, 0.5, 0.2)]),
    "ball": Ellipsoid((0.1, 0, 0), (0.4, 0.4, 0.4)),
    "ellipsoid": Ellipsoid((0, 0, 0), (0.5, 0.3, 0.4)),
    "capsule": Capsule((0, 0, 0), (0.3, 0.5, 0.1), 0.2),
    "frustum": Frustum((0, 0.1, 0), 0.4, 0.5, 0.2),
    "union": Union([Ellipsoid((0, 0, 0), (0.3, 0.3, 0.3)), Box((0.3, 0, 0), (0.2, 0.2, 0.2))], 0.1),
}


def distance(shape, *point):
    return float(shape.distance(to_column(point))[0])


@pytest.fixture
def points():
    return np.random.default_rng(0).uniform(-1.5, 1.5, (3, 500)).astype(np.float32)


def test_distances_by_hand():
    box = Box((0, 0, 0), (1, 1, 1))
    assert distance(box, 3, 0, 0) == 2
    assert distance(box, 2, 2, 2) == pytest.approx(3**0.5)
    assert distance(box, 0.75, 0, 0) == -0.25
    assert distance(Box((0, 0, 0), (1, 1, 1), 0.5), 2, 2, 2) == pytest.approx(1.5 * 3**0.5 - 0.5)
    assert distance(Ellipsoid((0, 1, 0), (2, 2, 2)), 0, 6, 0) == pytest.approx(3)
    assert distance(Capsule((0, 0, 0), (0, 2, 0), 0.5), 3, 1, 4) == pytest.approx(4.5)
    assert distance(Capsule((0, 0, 0), (0, 2, 0), 0.5), 0, 4, 0) == pytest.approx(1.5)
    cylinder = Frustum((0, 0, 0), 1.0, 0.5, 0.5)
    assert distance(cylinder, 2, 0, 0) == pytest.approx(1.5)
    assert distance(cylinder, 0, 3, 0) == pytest.approx(2)
    assert distance(cylinder, 0.25, 0, 0) == pytest.approx(-0.25)
    assert distance(Frustum((0, 0, 0), 1.0, 1.0, 0.0), 1, 0, 0) == pytest.approx(1 / 5**0.5)  # a cone of slope 2


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "ellipsoid"])
def test_a_distance_changes_by_no_more_than_the_way(name, points):
    moved = points + np.random.default_rng(1).uniform(-0.3, 0.3, points.shape).astype(np.float32)
    change = np.abs(SHAPES[name].distance(points) - SHAPES[name].distance(moved))
    assert (change <= np.linalg.norm(points - moved, axis=0) + 1e-5).all()


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_is_outside_its_bounds(name, points):
    low, high = SHAPES[name].bounds()
    outside = ((points < low) | (points > high)).any(0)
    assert outside.any()
    assert (SHAPES[name].distance(points)[outside] > 0).all()
    assert (SHAPES[name].distance(points) < 0).any()


def test_a_union_is_the_nearest_shape_and_bulges_where_shapes_meet(points):
    first, second = SHAPES["union"].shapes
    nearest = np.minimum(first.distance(points), second.distance(points))
    assert np.array_equal(Union([first, second]).distance(points), nearest)
    blended = SHAPES["union"].distance(points)
    assert (blended <= nearest + 1e-7).all()
    assert (nearest - blended).max() == pytest.approx(0.1 / 4, rel=0.1)


def test_rays_enter_boxes_where_their_distance_becomes_zero():
    rng = np.random.default_rng(2)
    origin = rng.uniform(-3, 3, (3, 400)).astype(np.float32)
    origin = origin[:, SHAPES["boxes"].distance(origin) > 0.1]
    direction = -origin + rng.uniform(-0.6, 0.6, origin.shape).astype(np.float32)
    direction /= np.linalg.norm(direction, axis=0)
    hits = SHAPES["boxes"].intersect(origin, direction)
    is_hit = np.isfinite(hits)
    assert 0.2 < is_hit.mean() < 0.99
    assert np.abs(SHAPES["boxes"].distance(origin + direction * np.where(is_hit, hits, 0)))[is_hit].max() < 1e-5
    steps = np.linspace(0, 6, 600, dtype=np.float32)
    least = np.min([SHAPES["boxes"].distance(origin + direction * step) for step in steps], 0)
    assert (least[~is_hit] > -0.005).all()


def test_clearance_is_about_the_least_ratio_along_the_ray():
    rng = np.random.default_rng(3)
    count = 300
    origin = np.stack([np.full(count, -2.0), *rng.uniform(-0.8, 0.8, (2, count))]).astype(np.float32)
    direction = np.stack([np.ones(count), *rng.uniform(-0.2, 0.2, (2, count))]).astype(np.float32)
    near, far, width = (np.full(count, value, np.float32) for value in (0.01, 4.0, 0.2))
    box = Boxes([(0, 0, 0)], [(0.3, 0.3, 0.3)])
    clearance = box.measure_clearance(origin, direction, near, far, width)
    steps = np.linspace(0.01, 4, 800, dtype=np.float32)
    brute = np.min([box.distance(origin + direction * step) / (width * step) for step in steps], 0)
    assert np.abs(np.clip(clearance, -1, 1) - np.clip(brute, -1, 1)).max() < 0.2
    assert np.abs(np.clip(clearance, -1, 1) - np.clip(brute, -1, 1)).mean() < 0.05


def test_normals_of_boxes_point_out_of_the_nearest_face():
    points = np.array([[0.3, 0, 0], [0, -0.3, 0.1], [0.5, 0.9, 0.1]], np.float32).T
    assert SHAPES["boxes"].compute_normals(points).T.tolist() == [[1, 0, 0], [0, -1, 0], [0, 1, 0]]


def test_a_ray_crosses_a_box_between_its_slabs():
    origin, inverse = to_column((-2, 0, 0)), 1 / to_column((1, 1e-6, 1e-6))
    near, far = cross_box(to_column((-1, -1, -1)), to_column((1, 1, 1)), origin, inverse)
    assert (near[0], far[0]) == (1, 3)


def test_dot_is_the_scalar_product(points):
    assert dot(points, points) == pytest.approx((points * points).sum(0), rel=1e-6)
