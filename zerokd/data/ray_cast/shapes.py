"""Signed distances of simple shapes: negative inside, positive outside, in metres.

Formulas: Hart: Sphere tracing, The Visual Computer 1996; Quilez: Distance functions, iquilezles.org/articles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from attrs import field, frozen

Array = np.ndarray
Point = Sequence[float] | np.ndarray


def to_column(values: Point) -> Array:
    """Three numbers as float32, (3, 1)."""
    return np.asarray(values, np.float32).reshape(3, 1)


def dot(first: Array, second: Array) -> Array:
    """Scalar products (N,) of vectors (3, N); much faster than a sum over the short axis."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


class Shape(Protocol):
    """``distance`` (N,) of points (3, N) is at most the true one outside; ``bounds`` are two corners (3, 1)."""

    def distance(self, points: Array) -> Array: ...

    def bounds(self) -> tuple[Array, Array]: ...


@frozen(eq=False)
class Box:
    """A box with rounded edges; ``half`` is half of its size."""

    centre: Array = field(converter=to_column)
    half: Array = field(converter=to_column)
    rounding: float = field(default=0.0, converter=float)

    @property
    def parameters(self) -> tuple[Array, ...]:
        return self.centre, self.half, np.array([self.rounding], np.float32)

    @staticmethod
    def measure(points: Array, centre: Array, half: Array, rounding: Array) -> Array:
        x, y, z = np.abs(points - centre) - (half - rounding)
        inside = np.minimum(np.maximum(np.maximum(x, y), z), 0)
        for beyond in (x, y, z):
            np.maximum(beyond, 0, out=beyond)
        return np.sqrt(x * x + y * y + z * z) + inside - rounding

    def distance(self, points: Array) -> Array:
        return self.measure(points, *self.parameters)

    def bounds(self) -> tuple[Array, Array]:
        return self.centre - self.half, self.centre + self.half


@frozen(eq=False)
class Boxes:
    """Several boxes with sharp edges, such as the parts of a table, by their middles and halves of their sizes."""

    centres: Array = field(converter=lambda rows: np.asarray(rows, np.float32).reshape(-1, 3))
    halves: Array = field(converter=lambda rows: np.asarray(rows, np.float32).reshape(-1, 3))

    def distance(self, points: Array) -> Array:
        nearest = np.full(points.shape[1], np.inf, np.float32)
        for centre, half in zip(self.centres, self.halves, strict=True):
            np.minimum(nearest, Box(centre, half).distance(points), out=nearest)
        return nearest

    def intersect(self, origin: Array, direction: Array) -> Array:
        """The distances (N,) at which rays from outside enter a box; infinite where they miss all."""
        nearest = np.full(direction.shape[1], np.inf, np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / direction
        for centre, half in zip(self.centres, self.halves, strict=True):
            low, high = (centre + sign * half for sign in (-1, 1))
            near, far = cross_box(to_column(low), to_column(high), origin, inverse)
            np.minimum(nearest, np.where((near <= far) & (near > 0), near, np.inf), out=nearest)
        return nearest

    def measure_clearance(self, origin: Array, direction: Array, near: Array, far: Array, width: Array) -> Array:
        """The least distance (N,) between rays and the boxes, in units of the half width of the rays' cones, at most 1.

        The distance to a box is convex along a ray. It is taken where the ray passes the sides of the box and of a box
        that is larger by the cone, and in the middle between them.
        """
        clearance = np.ones(len(near), np.float32)
        with np.errstate(divide="ignore"):
            inverse = 1 / direction
        for centre, half in zip(self.centres, self.halves, strict=True):
            box = Box(centre, half)
            offset = origin - box.centre
            margin = width * np.sqrt(dot(offset, offset))
            first, last = cross_box(box.centre - box.half - margin, box.centre + box.half + margin, origin, inverse)
            first, last = np.maximum(first, near), np.minimum(last, far)
            close = np.flatnonzero(first < last)
            start, way, cone = origin[:, close], direction[:, close], width[close]
            first, last = first[close], last[close]
            sides = [np.clip(side, first, last) for side in cross_box(*box.bounds(), start, inverse[:, close])]
            for travelled in (first, *sides, (sides[0] + sides[1]) / 2, (sides[1] + last) / 2, last):
                ratio = box.distance(start + way * travelled) / np.maximum(cone * travelled, 1e-3)
                clearance[close] = np.minimum(clearance[close], ratio)
        return clearance

    def compute_normals(self, points: Array) -> Array:
        """Unit normals (3, N) of the faces that points of the surface are on."""
        nearest, normals = np.full(points.shape[1], np.inf, np.float32), np.zeros_like(points)
        for centre, half in zip(self.centres, self.halves, strict=True):
            offset = points - to_column(centre)
            beyond = np.abs(offset) - to_column(half)
            axis = beyond.argmax(0)
            outside = np.abs(np.take_along_axis(beyond, axis[None], 0)[0])
            chosen = np.flatnonzero(outside < nearest)
            nearest[chosen], normals[:, chosen] = outside[chosen], 0
            normals[axis[chosen], chosen] = np.sign(offset[axis[chosen], chosen])
        return normals

    def bounds(self) -> tuple[Array, Array]:
        return to_column((self.centres - self.halves).min(0)), to_column((self.centres + self.halves).max(0))


def cross_box(low: Array, high: Array, origin: Array, inverse: Array) -> tuple[Array, Array]:
    """The distances (N,) at which rays of ``inverse`` directions enter and leave a box; the first is larger for rays
    that miss it."""
    with np.errstate(invalid="ignore"):
        first, second = (low - origin) * inverse, (high - origin) * inverse
    entry, exit = np.minimum(first, second), np.maximum(first, second)
    return np.maximum(np.maximum(entry[0], entry[1]), entry[2]), np.minimum(np.minimum(exit[0], exit[1]), exit[2])


@frozen(eq=False)
class Ellipsoid:
    """Its distance is a first-order estimate, exact on the surface."""

    centre: Array = field(converter=to_column)
    radii: Array = field(converter=to_column)

    @property
    def parameters(self) -> tuple[Array, ...]:
        return self.centre, self.radii

    def distance(self, points: Array) -> Array:
        return self.measure(points, *self.parameters)

    @staticmethod
    def measure(points: Array, centre: Array, radii: Array) -> Array:
        scaled = (points - centre) / radii
        radius = np.sqrt(dot(scaled, scaled))
        scaled /= radii
        slope = np.sqrt(dot(scaled, scaled))
        return radius * (radius - 1) / np.maximum(slope, 1e-6)

    def bounds(self) -> tuple[Array, Array]:
        return self.centre - self.radii, self.centre + self.radii


@frozen(eq=False)
class Capsule:
    """All points within ``radius`` of a line."""

    start: Array = field(converter=to_column)
    end: Array = field(converter=to_column)
    radius: float = field(converter=float)

    @property
    def parameters(self) -> tuple[Array, ...]:
        return self.start, self.end, np.array([self.radius], np.float32)

    def distance(self, points: Array) -> Array:
        return self.measure(points, *self.parameters)

    @staticmethod
    def measure(points: Array, start: Array, end: Array, radius: Array) -> Array:
        axis, offset = end - start, points - start
        share = np.clip(dot(axis, offset) / dot(axis, axis), 0, 1)
        offset -= axis * share
        return np.sqrt(dot(offset, offset)) - radius

    def bounds(self) -> tuple[Array, Array]:
        return np.minimum(self.start, self.end) - self.radius, np.maximum(self.start, self.end) + self.radius


@frozen(eq=False)
class Frustum:
    """An upright cone without its tip: ``bottom`` and ``top`` are its radii, ``half_height`` half of its height."""

    centre: Array = field(converter=to_column)
    half_height: float = field(converter=float)
    bottom: float = field(converter=float)
    top: float = field(converter=float)

    def distance(self, points: Array) -> Array:
        x, y, z = points - self.centre
        half, taper = np.float32(self.half_height), np.float32(self.top - self.bottom)
        away = np.sqrt(x * x + z * z)
        rim = np.where(y < 0, np.float32(self.bottom), np.float32(self.top))
        cap_x, cap_y = away - np.minimum(away, rim), np.abs(y) - half
        share = ((self.top - away) * taper + (half - y) * 2 * half) / (taper**2 + 4 * half**2)
        share = np.clip(share, 0, 1)
        side_x, side_y = away - self.top + taper * share, y - half + 2 * half * share
        squared = np.minimum(cap_x * cap_x + cap_y * cap_y, side_x * side_x + side_y * side_y)
        return np.where((side_x < 0) & (cap_y < 0), np.float32(-1), np.float32(1)) * np.sqrt(squared)

    def bounds(self) -> tuple[Array, Array]:
        radius = max(self.bottom, self.top)
        half = to_column((radius, self.half_height, radius))
        return self.centre - half, self.centre + half


Group = tuple[Callable[..., Array], tuple[Array, ...]]  # a formula, and the parameters of several shapes, stacked


@frozen(eq=False)
class Union:
    """Several shapes, blended where they are closer than ``blend``: the polynomial smooth minimum, Quilez 2013."""

    shapes: Sequence[Shape]
    blend: float = field(default=0.0, converter=float)
    groups: Sequence[Group] = field(init=False)
    others: Sequence[Shape] = field(init=False)

    @groups.default
    def _group_shapes(self) -> list[Group]:
        """One formula for all shapes of a class: many small arrays are slow."""
        groups: list[Group] = []
        for kind in (Ellipsoid, Capsule, Box):
            rows = [shape.parameters for shape in self.shapes if isinstance(shape, kind)]
            if rows:
                groups.append((kind.measure, tuple(np.stack(column, -2) for column in zip(*rows, strict=True))))
        return groups

    @others.default
    def _list_other_shapes(self) -> list[Shape]:
        return [shape for shape in self.shapes if not isinstance(shape, Ellipsoid | Capsule | Box)]

    def distance(self, points: Array) -> Array:
        distances = [row for measure, stacked in self.groups for row in measure(points[:, None], *stacked)]
        distances += [shape.distance(points) for shape in self.others]
        total = distances[0]
        for distance in distances[1:]:
            nearest = np.minimum(total, distance)
            if self.blend:
                overlap = np.maximum(np.float32(self.blend) - np.abs(total - distance), 0)
                nearest -= overlap * overlap * np.float32(0.25 / self.blend)
            total = nearest
        return total

    def bounds(self) -> tuple[Array, Array]:
        corners = [shape.bounds() for shape in self.shapes]
        low, high = np.min([pair[0] for pair in corners], 0), np.max([pair[1] for pair in corners], 0)
        return low - np.float32(self.blend / 4), high + np.float32(self.blend / 4)
