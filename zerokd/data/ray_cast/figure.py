"""A person with head, hair, shoulders and clothes."""

from __future__ import annotations

import numpy as np

from zerokd.data.ray_cast.bodies import Body, Material, Paint
from zerokd.data.ray_cast.shapes import Array, Box, Capsule, Ellipsoid, Frustum, Shape, Union, to_column
from zerokd.data.ray_cast.textures import Texture, fabric, mix

SKINS = ((0.62, 0.42, 0.32), (0.50, 0.31, 0.22), (0.33, 0.19, 0.12), (0.16, 0.085, 0.055))
HAIRS = ((0.02, 0.016, 0.013), (0.07, 0.04, 0.022), (0.18, 0.10, 0.045), (0.3, 0.22, 0.13), (0.24, 0.23, 0.22))
CLOTHES = ((0.05, 0.07, 0.14), (0.28, 0.05, 0.05), (0.42, 0.40, 0.36), (0.06, 0.12, 0.09), (0.35, 0.24, 0.08),
           (0.18, 0.19, 0.22))  # fmt: skip


def wrap(texture: Texture) -> Paint:
    """A texture on an upright body: u runs around its axis."""

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        return texture(0.2 * np.arctan2(points[0], -points[2]), points[1], footprint)

    return paint


def build_figure(rng: np.random.Generator, x: float, z: float, yaw: float) -> list[Body]:
    """A standing person; at a yaw of 0 it looks along -z, towards the camera."""
    place, height = (x, float(rng.uniform(-0.06, 0.08)), z), float(rng.uniform(0.92, 1.06))
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    clothes = CLOTHES[rng.integers(len(CLOTHES))]
    stripe = (0.5, 0.48, 0.44) if rng.random() < 0.25 else None
    cloth = wrap_upright(fabric(clothes, stripe, 0.06, int(rng.integers(99))))
    nod = float(rng.uniform(-0.02, 0.02))
    parts = [
        Body(_shape_torso(height), Material(cloth), place, yaw),
        Body(_shape_head(nod), Material(_paint_face(to_column(skin))), place, yaw + float(rng.uniform(-0.3, 0.3))),
    ]
    hair_shape = _shape_hair(nod, is_long=bool(rng.random() < 0.5), has_bun=bool(rng.random() < 0.3))
    return [*parts, Body(hair_shape, Material(_paint_hair(to_column(hair))), place, parts[1].yaw)]


def wrap_upright(texture: Texture) -> Paint:
    """A texture whose stripes lie level around an upright body."""

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        return texture(points[1], 0.2 * np.arctan2(points[0], -points[2]), footprint)

    return paint


def _shape_torso(build: float) -> Shape:
    wide = 0.172 * build
    arms = [
        Capsule((side * (wide + 0.03), 1.335, 0.005), (side * (wide + 0.075), 0.9, -0.01), 0.052) for side in (-1, 1)
    ]
    trunk = [
        Capsule((-wide, 1.385, 0.012), (wide, 1.385, 0.012), 0.062),
        Ellipsoid((0, 1.22, 0.0), (0.19 * build, 0.27, 0.118)),
        Ellipsoid((0, 0.93, 0.0), (0.185, 0.25, 0.125)),
        Capsule((0, 1.40, 0.015), (0, 1.475, 0.008), 0.062),
    ]
    legs = [Frustum((0, 0.42, 0), 0.42, 0.13, 0.165)]
    return Union([*trunk, *arms, *legs], 0.07)


def _shape_head(nod: float) -> Shape:
    return Union(
        [
            Ellipsoid((0, 1.68, 0.004), (0.074, 0.098, 0.092)),
            Ellipsoid((0, 1.622 - nod, -0.026), (0.056, 0.062, 0.066)),
            Ellipsoid((0, 1.648 - nod, -0.1), (0.011, 0.02, 0.014)),
            Ellipsoid((-0.077, 1.662, 0.008), (0.010, 0.028, 0.018)),
            Ellipsoid((0.077, 1.662, 0.008), (0.010, 0.028, 0.018)),
            Capsule((0, 1.42, 0.014), (0, 1.59, 0.008), 0.05),
        ],
        0.026,
    )


def _shape_hair(nod: float, is_long: bool, has_bun: bool) -> Shape:
    parts: list[Shape] = [
        Ellipsoid((0, 1.715, 0.018), (0.083, 0.084, 0.094)),
        Ellipsoid((0, 1.665, 0.045), (0.08, 0.09, 0.068)),
    ]
    if is_long:
        sides = [Capsule((side * 0.07, 1.69, 0.03), (side * 0.078, 1.5, 0.04), 0.024) for side in (-1, 1)]
        parts += [*sides, Ellipsoid((0, 1.54, 0.062), (0.088, 0.15, 0.05))]
    if has_bun:
        parts.append(Ellipsoid((0, 1.77 + nod, 0.09), (0.045, 0.042, 0.042)))
    return Union(parts, 0.03)


def _paint_face(skin: Array) -> Paint:
    """Skin with eyes, brows, lips and flushed cheeks on the side that looks along -z."""
    spots = (  # x, y, width, height, colour, strength
        (0.030, 1.676, 0.013, 0.0055, to_column((0.03, 0.025, 0.025)), 0.9),
        (0.031, 1.694, 0.019, 0.0045, to_column((0.05, 0.035, 0.03)), 0.7),
        (0.0, 1.612, 0.024, 0.0065, skin * to_column((0.75, 0.42, 0.42)), 0.8),
        (0.042, 1.640, 0.022, 0.020, skin * to_column((1.05, 0.8, 0.78)), 0.45),
        (0.030, 1.683, 0.022, 0.016, skin * to_column((0.7, 0.65, 0.65)), 0.5),
    )

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        x, y, is_front = np.abs(points[0]), points[1], np.clip(-normals[2] * 3, 0, 1)
        colour = np.repeat(skin, points.shape[1], 1)
        for across, above, wide, high, tint, strength in reversed(spots):
            away = ((x - across) / wide) ** 2 + ((y - above) / high) ** 2
            colour = mix(colour, tint, strength * is_front * np.exp(-(away**2)))
        return colour

    return paint


def _paint_hair(hair: Array) -> Paint:
    strands = fabric((1, 1, 1), salt=3)

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        return hair * strands(0.35 * np.arctan2(points[0], points[2]), 0.12 * points[1], footprint) ** 2

    return paint
