"""Bodies: shapes with a place and a material; where rays meet them, how much light they hide."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import field, frozen

from zerokd.data.ray_cast.shapes import Array, Boxes, Shape, cross_box, dot, to_column

Paint = Callable[[Array, Array, Array], Array]  # local points, local normals (3, N), footprints (N,) -> (3, N)
MAX_STEPS, SHADOW_STEPS = 60, 16
TOLERANCE = np.float32(8e-4)  # of a hit, metres
NORMAL_OFFSETS = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)  # a tetrahedron
OCCLUSION_REACH = np.float32(0.22)  # metres in which a body hides ambient light


@frozen(eq=False)
class Material:
    """``colour`` is the reflectance, ``glow`` the emitted radiance, ``gloss`` the share that is mirrored."""

    colour: Array | Paint
    glow: Array | Paint | None = None
    gloss: float = 0.0


def evaluate_paint(paint: Array | Paint, points: Array, normals: Array, footprint: Array) -> Array:
    """A colour (3, 1), or a paint's colours (3, N)."""
    return paint(points, normals, footprint) if callable(paint) else paint


@frozen(eq=False)
class Body:
    """A shape in local coordinates, turned by ``yaw`` about the vertical axis and moved to ``place``."""

    shape: Shape
    material: Material
    place: Array = field(default=(0, 0, 0), converter=to_column)
    yaw: float = field(default=0.0, converter=float)
    casts_shadow: bool = True
    rotation: Array = field(init=False)
    corners: tuple[Array, Array] = field(init=False)
    centre: Array = field(init=False)
    radius: float = field(init=False)

    @rotation.default
    def _build_rotation(self) -> Array:
        sin, cos = np.sin(self.yaw), np.cos(self.yaw)
        return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32)

    @corners.default
    def _find_corners(self) -> tuple[Array, Array]:
        return self.shape.bounds()

    @centre.default
    def _find_centre(self) -> Array:
        return self.rotation @ ((self.corners[0] + self.corners[1]) / 2) + self.place

    @radius.default
    def _find_radius(self) -> float:
        return float(np.linalg.norm(self.corners[1] - self.corners[0]) / 2)

    def to_local(self, points: Array) -> Array:
        return self.rotation.T @ (points - self.place)

    def intersect(self, origin: Array, direction: Array, limit: Array) -> Array:
        """Distances (N,) along rays, infinite for those that meet nothing before ``limit`` (N,)."""
        origin, direction = self.to_local(origin), self.rotation.T @ direction
        near, far = intersect_box(*self.corners, origin, direction)
        far, travelled = np.minimum(far, limit), np.maximum(near, 0)
        hits = np.full(len(limit), np.inf, np.float32)
        alive = np.flatnonzero(travelled < far)
        origin, direction = origin[:, alive], direction[:, alive]
        if isinstance(self.shape, Boxes):
            exact = self.shape.intersect(origin, direction)
            hits[alive] = np.where(exact < limit[alive], exact, np.inf)
            return hits
        travelled, far = travelled[alive], far[alive]
        for _ in range(MAX_STEPS):
            if not len(alive):
                break
            distance = self.shape.distance(origin + direction * travelled)
            is_hit = distance < TOLERANCE
            hits[alive[is_hit]] = travelled[is_hit]
            travelled = travelled + np.maximum(distance, TOLERANCE)
            stays = ~is_hit & (travelled < far)
            alive, travelled, far = alive[stays], travelled[stays], far[stays]
            origin, direction = origin[:, stays], direction[:, stays]
        if len(alive):  # rays that graze the surface converge slowly
            grazing = self.shape.distance(origin + direction * travelled) < 12 * TOLERANCE
            hits[alive[grazing]] = travelled[grazing]
        return hits

    def compute_normals(self, points: Array) -> Array:
        """Outward unit normals (3, N) at points of the surface, in local coordinates like them."""
        if isinstance(self.shape, Boxes):
            return self.shape.compute_normals(points)
        normals = np.zeros_like(points)
        for offset in NORMAL_OFFSETS:
            normals += offset[:, None] * self.shape.distance(points + np.float32(1e-3) * offset[:, None])
        return normals / np.maximum(np.sqrt(dot(normals, normals)), 1e-9)

    def transmit(self, points: Array, towards: Array, radius: float) -> Array:
        """The visible share (N,) of a ball of ``radius`` around the points + ``towards`` (3, N), seen from the points.

        The ray's least clearance relative to the width of the cone to the light: Quilez, soft shadows, 2010.
        """
        origin, direction = self.to_local(points), self.rotation.T @ towards
        length = np.sqrt(dot(direction, direction))
        direction = direction / length
        width = np.float32(radius) / length
        low, high = self.corners
        margin = np.float32(min(radius, 0.5 * self.radius))
        near, far = intersect_box(low - margin, high + margin, origin, direction)
        near, far = np.maximum(near, 0.01), np.minimum(far, length)
        visible = np.ones(len(length), np.float32)
        crossing = np.flatnonzero(near < far)
        if len(crossing):
            rays = [array[..., crossing] for array in (origin, direction, near, far, width)]
            measure = self.shape.measure_clearance if isinstance(self.shape, Boxes) else self._measure_clearance
            clearance = measure(*rays)
            share = np.clip(0.5 + 0.5 * clearance, 0, 1)
            visible[crossing] = share * share * (3 - 2 * share)
        return visible

    def _measure_clearance(self, origin: Array, direction: Array, near: Array, far: Array, width: Array) -> Array:
        """The least distance (N,) between rays and the surface, in units of their cones' half width; at least -1."""
        clearance, alive = np.ones(len(near), np.float32), np.arange(len(near))
        least_step = (far - near) / SHADOW_STEPS
        previous = np.full(len(near), np.inf, np.float32)
        for _ in range(SHADOW_STEPS):
            distance = self.shape.distance(origin + direction * near)
            overlap = np.where(
                distance > 0, np.minimum(distance * distance / (2 * previous), distance), 0
            )  # with the ball before it
            closest = np.sqrt(np.maximum(distance * distance - overlap * overlap, 0)) * np.sign(distance)
            cone = np.maximum(width * (near - overlap), 1e-3)
            clearance[alive] = np.minimum(clearance[alive], closest / cone)
            step = np.maximum(np.abs(distance), least_step)
            near = near + step
            stays = np.flatnonzero((near < far) & (clearance[alive] > -1))
            if not len(stays):
                break
            alive, near, far, width, least_step = (x[stays] for x in (alive, near, far, width, least_step))
            previous = step[stays]
            origin, direction = origin[:, stays], direction[:, stays]
        return clearance


def intersect_box(low: Array, high: Array, origin: Array, direction: Array) -> tuple[Array, Array]:
    """The distances (N,) at which rays enter and leave a box; the first is larger for rays that miss it."""
    with np.errstate(divide="ignore"):
        return cross_box(low, high, origin, 1 / direction)


@frozen(eq=False)
class Bodies:
    """All bodies of a scene, and the spheres around them that rays are first tested with."""

    bodies: Sequence[Body]
    centres: Array = field(init=False)
    radii: Array = field(init=False)

    @centres.default
    def _stack_centres(self) -> Array:
        return np.concatenate([body.centre for body in self.bodies], 1).T if self.bodies else np.zeros((0, 3), "f4")

    @radii.default
    def _stack_radii(self) -> Array:
        return np.array([[body.radius] for body in self.bodies], np.float32).reshape(-1, 1)

    def intersect(self, origin: Array, direction: Array, limit: Array) -> tuple[Array, Array]:
        """Distances (N,) up to ``limit``, and the number of the body that is hit, or -1."""
        origin = np.broadcast_to(origin, direction.shape)
        numbers = np.full(len(limit), -1)
        limit = limit.copy()
        close = self._find_close(origin, direction, 0.0)
        for number, body in enumerate(self.bodies):
            chosen = np.flatnonzero(close[number])
            if len(chosen):
                hits = body.intersect(origin[:, chosen], direction[:, chosen], limit[chosen])
                nearer = np.isfinite(hits)
                limit[chosen[nearer]], numbers[chosen[nearer]] = hits[nearer], number
        return limit, numbers

    def transmit(self, points: Array, towards: Array, radius: float) -> Array:
        """The visible share (N,) of a ball of light around the points + ``towards``."""
        visible = np.ones(points.shape[1], np.float32)
        close = self._find_close(points, towards, radius, is_segment=True)
        for number, body in enumerate(self.bodies):
            chosen = np.flatnonzero(close[number]) if body.casts_shadow else ()
            if len(chosen):
                visible[chosen] *= body.transmit(points[:, chosen], towards[:, chosen], radius)
        return visible

    def occlude(self, points: Array, normals: Array) -> Array:
        """The share (N,) of ambient light that bodies nearby leave, from their distance along the normals."""
        open_share = np.ones(points.shape[1], np.float32)
        squared = self._square_distances(points)
        for number, body in enumerate(self.bodies):
            reach = self.radii[number] + OCCLUSION_REACH
            chosen = np.flatnonzero(squared[number] < reach * reach) if body.casts_shadow else ()
            if len(chosen):
                places, normal = points[:, chosen], normals[:, chosen]
                for step, weight in ((OCCLUSION_REACH, 0.65), (OCCLUSION_REACH / 4, 0.35)):
                    distance = body.shape.distance(body.to_local(places + step * normal))
                    open_share[chosen] *= 1 - np.float32(weight) * np.clip(1 - distance / step, 0, 1)
        return open_share

    def _square_distances(self, points: Array) -> Array:
        dots = self.centres @ points
        return dot(points, points) - 2 * dots + (self.centres * self.centres).sum(1, keepdims=True)

    def _find_close(self, origin: Array, direction: Array, margin: float, is_segment: bool = False) -> Array:
        """Which rays (M, N), or segments that end at ``origin + direction``, pass the sphere around each body."""
        squared = self._square_distances(origin)
        along = self.centres @ direction - dot(origin, direction)
        length = dot(direction, direction)
        reach = (self.radii + np.float32(margin)) ** 2
        passes = squared - along * np.maximum(along, 0) / length < reach
        return passes & (squared - 2 * along + length < reach + length) if is_segment else passes
