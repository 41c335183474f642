"""Light of simple scenes against what geometry and energy say."""

import numpy as np
import pytest

from zerokd.data.ray_cast.bodies import Bodies, Body, Material
from zerokd.data.ray_cast.lights import Lamp
from zerokd.data.ray_cast.renderer import Camera, Scene, Surface, Trace, add_glare, find_edges, render_scene, trace_rays
from zerokd.data.ray_cast.shapes import Boxes, Ellipsoid, to_column

SIZE = 48


class Void:
    """Nothing: black, and far away; with a floor at y = 0 if it has a gloss."""

    def __init__(self, gloss=None, reflectance=0.0):
        self.gloss, self.reflectance = gloss, reflectance

    def intersect(self, origin, direction):
        ground = np.where(direction[1] < -1e-6, -origin[1] / np.minimum(direction[1], -1e-6), 1000)
        travelled = ground if self.gloss is not None else np.full(direction.shape[1], 1000)
        return travelled.astype(np.float32), np.where(travelled < 1000, 1, 0)

    def describe(self, points, direction, labels, footprint):
        surface = Surface.create_black(len(labels))
        surface.normals[1] = 1
        surface.colour[:, labels == 1] = self.reflectance
        surface.gloss[labels == 1] = self.gloss or 0
        return surface

    def occlude(self, points, normals):
        return np.ones(points.shape[1], np.float32)


def build_scene(shell, bodies, lights=(), ambient=(0.0, 0.0, 0.0), glare=0.0, eye=(0, 1, 0), target=(0, 1, 5)):
    return Scene(shell, Bodies(bodies), lights, Camera(eye, target, 40), ambient, glare)


def glowing_ball(x, y, z, radius):
    return Body(Ellipsoid((0, 0, 0), (radius,) * 3), Material(to_column((0, 0, 0)), to_column((1, 2, 3))), (x, y, z))


def test_a_glowing_ball_covers_the_solid_angle_that_it_has():
    image = render_scene(build_scene(Void(), [glowing_ball(0, 1, 5, 1)]), SIZE, SIZE)
    tangent = np.tan(np.arcsin(1 / 5)) / np.tan(np.radians(20))  # of the ball's outline, in half images
    assert image.mean((0, 1)) == pytest.approx(np.array([1, 2, 3]) * np.pi * tangent**2 / 4, rel=0.02)
    assert image[SIZE // 2, SIZE // 2] == pytest.approx([1, 2, 3])
    between = (image[..., 0] > 0.05) & (image[..., 0] < 0.95)
    assert between.sum() > 40  # its outline is smooth


def test_ambient_light_makes_a_matt_body_as_bright_as_its_reflectance():
    body = Body(Ellipsoid((0, 0, 0), (1, 1, 1)), Material(to_column((0.2, 0.4, 0.6))), (0, 1, 5))
    image = render_scene(build_scene(Void(), [body], ambient=(np.pi,) * 3), SIZE, SIZE)
    assert image[SIZE // 2, SIZE // 2] == pytest.approx([0.2, 0.4, 0.6], rel=0.02)


def test_a_lamp_lights_a_floor_by_the_cosine_over_the_squared_distance():
    lamp = Lamp((0, 2, 5), (1, 1, 1), 0.01)
    scene = build_scene(Void(0.0, 0.5), [], [lamp], eye=(0, 1.5, 0), target=(0, 0, 5))
    image = render_scene(scene, SIZE + 1, SIZE + 1)
    assert image[SIZE // 2, SIZE // 2, 0] == pytest.approx(0.5 / np.pi / 4, rel=0.01)


def test_a_body_throws_a_shadow():
    lamp, blocker = (
        Lamp((0, 2, 5), (1, 1, 1), 0.01),
        Body(Boxes([(0, 1.5, 5)], [(0.2, 0.05, 0.2)]), Material(to_column((0, 0, 0)))),
    )
    eye = {"eye": (0, 0.5, 0), "target": (0, 0, 5)}
    lit, shaded = (
        render_scene(build_scene(Void(0.0, 0.5), bodies, [lamp], **eye), 33, 33) for bodies in ([], [blocker])
    )
    assert shaded[16, 16, 0] < 0.05 * lit[16, 16, 0]
    assert shaded[30, 16, 0] == pytest.approx(lit[30, 16, 0], rel=0.01)


def test_a_glossy_floor_mirrors_a_ball_as_far_below_as_it_is_above():
    ball = glowing_ball(0, 1, 6, 0.4)
    image = render_scene(build_scene(Void(0.04), [ball], target=(0, 1, 6)), SIZE, SIZE)
    lower = np.arange(SIZE)[image[:, SIZE // 2, 0] > 0.01][-1]
    mirrored = (image[: SIZE // 2 + 12, :, 0] > 0.5).sum(), (image[SIZE // 2 + 12 :, :, 0] > 0.01).sum()
    angle = np.degrees(np.arctan(2 / 6))  # of the mirrored middle
    assert lower == pytest.approx(SIZE / 2 * (1 + np.tan(np.radians(angle)) / np.tan(np.radians(20))), abs=5)
    assert mirrored[0] > 50
    assert mirrored[1] > 20


def test_the_same_scene_is_the_same_image():
    scene = build_scene(Void(0.05, 0.5), [glowing_ball(0, 1, 5, 1)], [Lamp((1, 3, 3), (1, 1, 1))], (0.1,) * 3, 0.05)
    assert np.array_equal(render_scene(scene, 20, 30), render_scene(scene, 20, 30))
    assert render_scene(scene, 20, 30).shape == (20, 30, 3)
    assert render_scene(scene, 20, 30).dtype == np.float32


def test_rays_that_hit_what_known_rays_hit_take_their_irradiance():
    scene = build_scene(Void(0.0, 0.5), [], [Lamp((0, 2, 5), (1, 1, 1))])
    direction = scene.camera.cast(np.array([40.0]), np.array([24.0]), SIZE, SIZE)
    fresh = trace_rays(scene, scene.camera.position, direction, np.float32(0.01))
    doubled = Trace(fresh.light, fresh.labels, fresh.normals, 2 * fresh.irradiance)
    reused = trace_rays(scene, scene.camera.position, direction, np.float32(0.01), doubled)
    assert reused.light == pytest.approx(2 * fresh.light)
    other = Trace(fresh.light, fresh.labels + 1, fresh.normals, 2 * fresh.irradiance)
    assert trace_rays(scene, scene.camera.position, direction, np.float32(0.01), other).light == pytest.approx(
        fresh.light
    )
    assert doubled.take(np.array([0])).labels == fresh.labels


def test_edges_are_between_labels_and_at_contrast():
    light, labels = np.ones((3, 24), np.float32), np.zeros(24, int)
    assert not find_edges(light, labels, 4, 6).any()
    labels[2::6] = 1  # a column
    assert find_edges(light, labels, 4, 6)[1].tolist() == [False, True, True, True, False, False]
    light[:, 5::6] = 2
    assert find_edges(light, labels, 4, 6)[2].tolist() == [False, True, True, True, True, True]


def test_glare_moves_a_share_of_the_light():
    light = np.full((64, 64, 3), 1e-6, np.float32)
    light[32, 32] = 100
    spread = add_glare(light, 0.1)
    assert spread[32, 32, 0] == pytest.approx(90, rel=0.02)
    assert 0.8 < (spread.sum() - spread[32, 32].sum()) / 3 / 10 < 1.02  # what leaves the image is lost
    assert spread[32, 34, 0] > spread[32, 40, 0] > spread[32, 60, 0] > 0
    assert add_glare(light, 0.0) is light


def test_a_camera_looks_at_its_target():
    camera = Camera((1, 2, 3), (4, 2, 7), 50)
    middle = camera.cast(np.array([10.0]), np.array([15.0]), 20, 30)
    assert middle.ravel() == pytest.approx([0.6, 0, 0.8])
    top = camera.cast(np.array([0.0]), np.array([15.0]), 20, 30)
    assert np.degrees(np.arccos((middle * top).sum())) == pytest.approx(25, abs=1e-2)
    right = camera.cast(np.array([10.0]), np.array([16.0]), 20, 30)
    assert right[0, 0] > middle[0, 0]  # x grows to the right of somebody who looks along z
