"""Linear light of a scene, seen by a camera: direct light with soft shadows, ambient light, mirror images, glare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from attrs import define, field, frozen

from zerokd.data.leaf_scene import LUMINANCE_WEIGHTS
from zerokd.data.ray_cast.bodies import Bodies, evaluate_paint
from zerokd.data.ray_cast.lights import Light
from zerokd.data.ray_cast.shapes import Array, dot, to_column

CHUNK_SIZE = 65536  # rays at a time, whose arrays fit into a core's cache
BODY_LABEL = 1000  # of the first body; smaller labels are a shell's
EDGE_CONTRAST = 0.25  # of log-luminance between neighbours, from which a pixel gets more rays
EDGE_SAMPLES, PIXEL_REACH = 2, 1.3  # rays a side, and the width in pixels that they are spread over
MIN_AGREEMENT = np.float32(0.97)  # of unit normals whose points share their irradiance
MIN_SHARE = np.float32(0.04)  # of all light at a point, from which a source casts a shadow there
TRACE_FIELDS = ("light", "labels", "normals", "irradiance")


@define(eq=False)
class Surface:
    """What rays hit: unit normals, reflectances and emitted radiances (3, N), gloss (N,)."""

    normals: Array
    colour: Array
    glow: Array
    gloss: Array

    @classmethod
    def create_black(cls, count: int) -> Surface:
        normals, colour, glow = (np.zeros((3, count), np.float32) for _ in range(3))
        return cls(normals, colour, glow, np.zeros(count, np.float32))

    def take(self, chosen: Array) -> Surface:
        return Surface(self.normals[:, chosen], self.colour[:, chosen], self.glow[:, chosen], self.gloss[chosen])


@frozen(eq=False)
class Trace:
    """What rays see: radiance (3, N), the labels (N,), normals and irradiance (3, N) of what they hit."""

    light: Array
    labels: Array
    normals: Array
    irradiance: Array

    def take(self, chosen: Array) -> Trace:
        return Trace(self.light[:, chosen], self.labels[chosen], self.normals[:, chosen], self.irradiance[:, chosen])


class Shell(Protocol):
    """The closed surroundings of a scene: every ray ends there at the latest."""

    def intersect(self, origin: Array, direction: Array) -> tuple[Array, Array]:
        """Distances and labels (N,); labels are below 1000, and differ where an edge is between them."""
        ...

    def describe(self, points: Array, direction: Array, labels: Array, footprint: Array) -> Surface: ...

    def occlude(self, points: Array, normals: Array) -> Array:
        """The share (N,) of ambient light that corners leave."""
        ...


@frozen(eq=False)
class Camera:
    """A pinhole; ``view_angle`` is the vertical one in degrees."""

    position: Array = field(converter=to_column)
    target: Array = field(converter=to_column)
    view_angle: float = 55.0

    def cast(self, rows: Array, columns: Array, height: int, width: int) -> Array:
        """Unit directions (3, N) through points of an image, in pixels from its upper left corner."""
        forward = (self.target - self.position)[:, 0]
        forward = forward / np.linalg.norm(forward)
        right = np.array([forward[2], 0, -forward[0]]) / np.hypot(forward[0], forward[2])
        above = np.cross(forward, right)
        scale = 2 * np.tan(np.radians(self.view_angle) / 2) / height
        x, y = (columns - width / 2) * scale, (height / 2 - rows) * scale
        rays = forward[:, None] + right[:, None] * x + above[:, None] * y
        return (rays / np.sqrt(dot(rays, rays))).astype(np.float32)


@frozen(eq=False)
class Scene:
    """``ambient`` is the irradiance (3, 1) that surfaces pass on to one another, or the sky gives."""

    shell: Shell
    bodies: Bodies
    lights: Sequence[Light]
    camera: Camera
    ambient: Array = field(converter=to_column)
    glare: float = 0.04  # the share of light that the lens scatters
    mirror_tilts: Sequence[float] = (0.0,)  # of rough mirrors: the slopes that a mirror image is the mean over


def render_scene(scene: Scene, height: int, width: int) -> Array:
    """The scene's radiance, (H, W, 3) float32: one ray a pixel, more where its neighbours differ."""
    rows, columns = (grid.ravel() + 0.5 for grid in np.mgrid[:height, :width])
    pixel_angle = np.float32(2 * np.tan(np.radians(scene.camera.view_angle) / 2) / height)
    eye = scene.camera.position
    middles = [
        trace_rays(scene, eye, scene.camera.cast(down, across, height, width), pixel_angle)
        for down, across in _split((rows, columns), CHUNK_SIZE)
    ]
    trace = Trace(*(np.concatenate([getattr(part, name) for part in middles], -1) for name in TRACE_FIELDS))
    light, labels = trace.light, trace.labels
    edges = np.flatnonzero(find_edges(light, labels, height, width))
    steps = (np.arange(EDGE_SAMPLES) - (EDGE_SAMPLES - 1) / 2) * (PIXEL_REACH / EDGE_SAMPLES)
    for (chosen,) in _split((edges,), CHUNK_SIZE // EDGE_SAMPLES**2):
        down, across = (np.repeat(grid.ravel(), len(chosen)) for grid in np.meshgrid(steps, steps))
        pixels = np.tile(chosen, EDGE_SAMPLES**2)
        direction = scene.camera.cast(rows[pixels] + down, columns[pixels] + across, height, width)
        finer = trace_rays(scene, eye, direction, pixel_angle, trace.take(pixels)).light
        light[:, chosen] = (light[:, chosen] + finer.reshape(3, -1, len(chosen)).sum(1)) / (EDGE_SAMPLES**2 + 1)
    return add_glare(np.ascontiguousarray(light.reshape(3, height, width).transpose(1, 2, 0)), scene.glare)


def _split(arrays: tuple[Array, ...], size: int) -> Iterator[tuple[Array, ...]]:
    for start in range(0, len(arrays[0]), size):
        yield tuple(array[start : start + size] for array in arrays)


def find_edges(light: Array, labels: Array, height: int, width: int) -> Array:
    """Which pixels (H, W) differ from a neighbour in label or clearly in luminance."""
    tone = np.log(LUMINANCE_WEIGHTS @ light + 1e-3).reshape(height, width)
    labels = labels.reshape(height, width)
    edges = np.zeros((height, width), bool)
    for first, second in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = (labels[first] != labels[second]) | (np.abs(tone[first] - tone[second]) > EDGE_CONTRAST)
        edges[first] |= differs
        edges[second] |= differs
    return edges


def trace_rays(
    scene: Scene, origin: Array, direction: Array, pixel_angle: np.float32, known: Trace | None = None,
    is_mirrored: bool = False,
) -> Trace:  # fmt: skip
    """Follow rays (3, N). Those that hit what ``known`` rays hit take their irradiance. Mirrors show neither mirrors
    nor shadows."""
    travelled, labels = scene.shell.intersect(origin, direction)
    travelled, numbers = scene.bodies.intersect(origin, direction, travelled)
    labels = np.where(numbers >= 0, BODY_LABEL + numbers, labels)
    points = origin + direction * travelled
    surface = _describe(scene, points, direction, labels, travelled * pixel_angle)
    if known is None:
        irradiance = _irradiate(scene, points, surface, not is_mirrored)
    else:
        differs = (labels != known.labels) | (dot(surface.normals, known.normals) < MIN_AGREEMENT)
        fresh = np.flatnonzero(differs | (known.irradiance[0] == 0))
        irradiance = known.irradiance.copy()
        irradiance[:, fresh] = _irradiate(scene, points[:, fresh], surface.take(fresh), True)
    light = surface.glow + surface.colour / np.float32(np.pi) * irradiance
    mirrors = np.flatnonzero(surface.gloss) if not is_mirrored else np.array([], np.int64)
    if len(mirrors):
        light[:, mirrors] += _reflect(scene, points, direction, surface, mirrors, pixel_angle)
    return Trace(light, labels, surface.normals, irradiance)


def _describe(scene: Scene, points: Array, direction: Array, labels: Array, footprint: Array) -> Surface:
    surface = Surface.create_black(points.shape[1])
    on_shell = np.flatnonzero(labels < BODY_LABEL)
    if len(on_shell):
        shell = scene.shell.describe(points[:, on_shell], direction[:, on_shell], labels[on_shell], footprint[on_shell])
        surface.normals[:, on_shell], surface.colour[:, on_shell] = shell.normals, shell.colour
        surface.glow[:, on_shell], surface.gloss[on_shell] = shell.glow, shell.gloss
    for label in np.unique(labels[labels >= BODY_LABEL]):
        body, chosen = scene.bodies.bodies[label - BODY_LABEL], np.flatnonzero(labels == label)
        local = body.to_local(points[:, chosen])
        normals = body.compute_normals(local)
        surface.normals[:, chosen] = body.rotation @ normals
        surface.colour[:, chosen] = evaluate_paint(body.material.colour, local, normals, footprint[chosen])
        if body.material.glow is not None:
            surface.glow[:, chosen] = evaluate_paint(body.material.glow, local, normals, footprint[chosen])
        surface.gloss[chosen] = body.material.gloss
    return surface


def _irradiate(scene: Scene, points: Array, surface: Surface, has_shadows: bool) -> Array:
    lifted = points + np.float32(3e-3) * surface.normals
    reflects = (surface.colour[0] > 0).astype(np.float32)
    occlusion = scene.shell.occlude(points, surface.normals) * scene.bodies.occlude(points, surface.normals)
    total = scene.ambient * (occlusion * reflects)
    received = [light.irradiate(points, surface.normals) * reflects for light in scene.lights]
    for arriving in received:
        total += arriving
    if has_shadows:
        least = MIN_SHARE * total.max(0)
        for light, arriving in zip(scene.lights, received, strict=True):
            lit = np.flatnonzero(np.maximum(arriving[0], arriving[2]) > least)
            places = lifted[:, lit]
            hidden = 1 - scene.bodies.transmit(places, light.position - places, light.radius)
            total[:, lit] -= arriving[:, lit] * hidden
    return np.maximum(total, 0)


def _reflect(
    scene: Scene, points: Array, direction: Array, surface: Surface, mirrors: Array, pixel_angle: np.float32
) -> Array:
    """The light (3, M) that glossy points mirror: Schlick's share of what a ray finds in the mirrored direction."""
    normals, arriving, gloss = surface.normals[:, mirrors], direction[:, mirrors], surface.gloss[mirrors]
    origin = points[:, mirrors] + np.float32(5e-3) * normals
    level = arriving * to_column((1, 0, 1))
    tilted = np.concatenate([normals + np.float32(tilt) * level for tilt in scene.mirror_tilts], 1)
    tilted /= np.sqrt(dot(tilted, tilted))
    arriving, origin, gloss = (np.tile(array, len(scene.mirror_tilts)) for array in (arriving, origin, gloss))
    cosine = np.maximum(-dot(tilted, arriving), 0)
    share = gloss + (np.minimum(5 * gloss, 1) - gloss) * (1 - cosine) ** 5
    mirrored = trace_rays(scene, origin, arriving + 2 * cosine * tilted, pixel_angle, is_mirrored=True)
    return (share * mirrored.light).reshape(3, -1, len(mirrors)).mean(1)


def add_glare(light: Array, share: float) -> Array:
    """Scatter a share of the light around its sources: falls as distance^-3, as in lenses and eyes.

    Source: Vos, van den Berg: Report on disability glare, CIE 1999.
    """
    if not share:
        return light
    height, width = light.shape[:2]
    padded = (height + height // 2, width + width // 2)  # so that glare leaves the image instead of coming back
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in padded)
    squared = ((rows[:, None] ** 2 + columns**2) / height**2).astype(np.float32)
    kernel = (squared + 0.012**2) ** -1.5 + 6 * (squared + 0.1**2) ** -1.5
    spectrum = np.fft.rfft2(kernel / kernel.sum())
    ends = ((0, padded[0] - height), (0, padded[1] - width), (0, 0))
    blurred = np.fft.irfft2(np.fft.rfft2(np.pad(light, ends), axes=(0, 1)) * spectrum[..., None], padded, axes=(0, 1))
    return (light + np.float32(share) * (blurred[:height, :width].astype(np.float32) - light)).clip(1e-6)
