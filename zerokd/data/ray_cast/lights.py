"""Light sources and the irradiance that they give: lamps, windows, the sun."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from attrs import field, frozen

from zerokd.data.ray_cast.shapes import Array, dot, to_column

SUN_DISTANCE, SUN_RADIUS = 60.0, 0.6  # metres; of the ball of light that stands for the sun


class Light(Protocol):
    """``position`` (3, 1) and ``radius`` are those of the ball whose visible share dims the light."""

    @property
    def position(self) -> Array: ...

    @property
    def radius(self) -> float: ...

    def irradiate(self, points: Array, normals: Array) -> Array:
        """Irradiance (3, N), without what hides the light."""
        ...


@frozen(eq=False)
class Lamp:
    """A small ball of radiant ``intensity``: irradiance falls with the squared distance.

    A share of 1 - ``side`` leaves upwards and downwards only, as from a lampshade: within the angles whose cosines are
    ``down`` and ``up``, 1 for none.
    """

    position: Array = field(converter=to_column)
    intensity: Array = field(converter=to_column)
    radius: float = field(default=0.06, converter=float)
    side: float = field(default=1.0, converter=float)
    down: float = field(default=1.0, converter=float)
    up: float = field(default=1.0, converter=float)

    def irradiate(self, points: Array, normals: Array) -> Array:
        towards = self.position - points
        squared = dot(towards, towards) + np.float32(self.radius**2)
        distance = np.sqrt(squared)
        received = np.maximum(dot(towards, normals), 0) / (distance * squared)
        if self.side < 1:
            height = towards[1] / distance  # 1 straight below the lamp
            beam = sum(
                (soften(sign * height, edge) for sign, edge in ((1, self.down), (-1, self.up)) if edge < 1),
                start=np.zeros_like(height),
            )
            received *= self.side + (1 - self.side) * beam
        return self.intensity * received


def soften(cosine: Array, edge: float) -> Array:
    """From 0 to 1 around the edge of a beam, over a fifth of its width."""
    width = max(0.2 * (1 - edge), 0.02)
    share = np.clip((cosine - edge + width / 2) / np.float32(width), 0, 1)
    return share * share * (3 - 2 * share)


@frozen(eq=False)
class AreaLight:
    """A rectangle of uniform ``radiance``, such as a window or a screen: Lambert's formula for polygons.

    ``across`` and ``upward`` are half of its sides; it shines to the side of ``across`` x ``upward``.
    """

    position: Array = field(converter=to_column)
    across: Array = field(converter=to_column)
    upward: Array = field(converter=to_column)
    radiance: Array = field(converter=to_column)

    @property
    def radius(self) -> float:
        """Of the ball of a third of the rectangle's area, which casts shadows of about the same softness."""
        half = np.linalg.norm(self.across) * np.linalg.norm(self.upward)
        return float(np.sqrt(4 * half / np.pi / 3))

    def irradiate(self, points: Array, normals: Array) -> Array:
        facing = np.cross(self.across[:, 0], self.upward[:, 0]).astype(np.float32)
        is_lit = dot(facing, points - self.position) > 0
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        rays = [self.position + a * self.across + b * self.upward - points for a, b in signs]
        rays = [ray / np.sqrt(dot(ray, ray)) for ray in rays]
        total = np.zeros(points.shape[1], np.float32)
        for first, second in zip(rays, [*rays[1:], rays[0]], strict=True):
            normal = cross(second, first)
            length = np.maximum(np.sqrt(dot(normal, normal)), 1e-6)
            angle = np.arccos(np.clip(dot(first, second), -1, 1))
            total += angle / length * dot(normal, normals)
        return self.radiance * (np.maximum(total, 0) / 2 * is_lit)


def cross(first: Array, second: Array) -> Array:
    """The cross product of vectors (3, N)."""
    return np.stack(
        [
            first[1] * second[2] - first[2] * second[1],
            first[2] * second[0] - first[0] * second[2],
            first[0] * second[1] - first[1] * second[0],
        ]
    )


@frozen(eq=False)
class Sun:
    """Parallel light through rectangular openings of a wall.

    ``towards`` points to the sun. ``axis`` is the wall's normal axis, ``plane`` its position there; ``openings`` are
    (low u, high u, low v, high v) along the two other axes, in the order of x, y, z.
    """

    towards: Array = field(converter=to_column)
    irradiance: Array = field(converter=to_column)
    axis: int
    plane: float = field(converter=float)
    openings: tuple[tuple[float, float, float, float], ...]
    radius = SUN_RADIUS

    @property
    def position(self) -> Array:
        return self.towards * np.float32(SUN_DISTANCE / np.linalg.norm(self.towards))

    def irradiate(self, points: Array, normals: Array) -> Array:
        unit = self.towards / np.linalg.norm(self.towards)
        travelled = (np.float32(self.plane) - points[self.axis]) / unit[self.axis]
        across, along = (points[i] + travelled * unit[i] for i in range(3) if i != self.axis)
        blur = np.maximum(np.float32(0.012) * travelled, 1e-3)
        passed = np.zeros_like(travelled)
        for low_u, high_u, low_v, high_v in self.openings:
            inside_u = np.minimum(across - low_u, high_u - across) / blur
            inside_v = np.minimum(along - low_v, high_v - along) / blur
            passed += np.clip(0.5 + inside_u, 0, 1) * np.clip(0.5 + inside_v, 0, 1)
        return self.irradiance * (passed * (travelled > 0) * np.maximum(dot(unit, normals), 0))


def warm(power: float, warmth: float) -> tuple[float, float, float]:
    """The colour of a lamp: 0 is white, 1 a bulb of 2700 K, 1.6 a candle or sodium."""
    red, green, blue = (power * tint**warmth for tint in (1.0, 0.66, 0.30))
    return red, green, blue
