"""A person with head, hair, shoulders and clothes."""

from __future__ import annotations

import numpy as np

from zerokd.data.ray_cast.bodies import Body, Material, Paint
from zerokd.data.ray_cast.shapes import Array, Capsule, Ellipsoid, Shape, Union, to_column
from zerokd.data.ray_cast.textures import Texture, fabric, mix

SKINS = ((0.62, 0.42, 0.32), (0.50, 0.31, 0.22), (0.33, 0.19, 0.12), (0.16, 0.085, 0.055))
HAIRS = ((0.02, 0.016, 0.013), (0.07, 0.04, 0.022), (0.18, 0.10, 0.045), (0.3, 0.22, 0.13), (0.24, 0.23, 0.22))
CLOTHES = ((0.05, 0.07, 0.14), (0.28, 0.05, 0.05), (0.42, 0.40, 0.36), (0.06, 0.12, 0.09), (0.35, 0.24, 0.08),
           (0.18, 0.19, 0.22))  # fmt: skip


def build_figure(rng: np.random.Generator, x: float, z: float, yaw: float) -> list[Body]:
    """A standing person; at a yaw of 0 it looks along -z, towards the camera."""
    place, build = (x, float(rng.uniform(-0.05, 0.0)), z), float(rng.uniform(0.92, 1.06))
    skin, hair = (to_column(table[rng.integers(len(table))]) for table in (SKINS, HAIRS))
    clothes, trousers = (CLOTHES[number] for number in rng.permutation(len(CLOTHES))[:2])
    stripe = (0.5, 0.48, 0.44) if rng.random() < 0.3 else None
    cloth = wrap_upright(fabric(clothes, stripe, 0.05, int(rng.integers(99))))
    turn = yaw + float(rng.uniform(-0.35, 0.35))
    hair_shape = _shape_hair(is_long=bool(rng.random() < 0.5), has_bun=bool(rng.random() < 0.3))
    return [
        Body(_shape_top(build), Material(cloth), place, yaw),
        Body(_shape_trousers(build), Material(to_column(trousers) * 0.5), place, yaw),
        Body(_shape_hands(build), Material(skin), place, yaw),
        Body(_shape_head(), Material(_paint_face(skin)), place, turn),
        Body(hair_shape, Material(_paint_hair(hair)), place, turn),
    ]


def wrap_upright(texture: Texture) -> Paint:
    """A texture whose stripes lie level around an upright body."""

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        return texture(points[1], 0.2 * np.arctan2(points[0], -points[2]), footprint)

    return paint


def _shape_top(build: float) -> Shape:
    """A pullover with sleeves and a collar."""
    wide = 0.15 * build
    trunk = Union(
        [
            Capsule((-wide, 1.385, 0.01), (wide, 1.385, 0.01), 0.058),
            Ellipsoid((0, 1.27, -0.005), (0.172 * build, 0.19, 0.112)),
            Ellipsoid((0, 1.02, 0.0), (0.15 * build, 0.24, 0.105)),
            Capsule((0, 1.41, 0.012), (0, 1.455, 0.002), 0.066),
        ],
        0.06,
    )
    arms = [
        Union(
            [
                Capsule((side * (wide + 0.05), 1.37, 0.012), (side * (wide + 0.085), 1.1, 0.035), 0.047),
                Capsule((side * (wide + 0.085), 1.1, 0.035), (side * (wide + 0.06), 0.86, -0.04), 0.04),
            ],
            0.02,
        )
        for side in (-1, 1)
    ]
    return Union([trunk, *arms], 0.03)


def _shape_trousers(build: float) -> Shape:
    legs = [Capsule((side * 0.085, 0.84, 0.0), (side * 0.095, 0.06, 0.02), 0.075) for side in (-1, 1)]
    shoes = [Ellipsoid((side * 0.098, 0.045, -0.035), (0.048, 0.05, 0.12)) for side in (-1, 1)]
    return Union([*legs, *shoes, Ellipsoid((0, 0.87, 0.005), (0.155 * build, 0.13, 0.11))], 0.04)


def _shape_hands(build: float) -> Shape:
    return Union([Ellipsoid((side * (0.15 * build + 0.056), 0.805, -0.056), (0.026, 0.07, 0.036)) for side in (-1, 1)])


def _shape_head() -> Shape:
    return Union(
        [
            Ellipsoid((0, 1.685, 0.006), (0.073, 0.095, 0.092)),
            Ellipsoid((0, 1.628, -0.022), (0.054, 0.07, 0.066)),
            Capsule((0, 1.672, -0.088), (0, 1.648, -0.106), 0.009),
            Ellipsoid((0, 1.588, -0.062), (0.022, 0.018, 0.02)),
            Ellipsoid((0, 1.617, -0.083), (0.022, 0.009, 0.012)),
            Ellipsoid((-0.076, 1.662, 0.012), (0.009, 0.028, 0.017)),
            Ellipsoid((0.076, 1.662, 0.012), (0.009, 0.028, 0.017)),
            Capsule((0, 1.42, 0.014), (0, 1.58, 0.01), 0.047),
        ],
        0.022,
    )


def _shape_hair(is_long: bool, has_bun: bool) -> Shape:
    parts: list[Shape] = [
        Ellipsoid((0, 1.718, 0.02), (0.084, 0.083, 0.094)),
        Ellipsoid((0, 1.665, 0.05), (0.08, 0.09, 0.066)),
    ]
    if is_long and not has_bun:
        sides = [Capsule((side * 0.066, 1.7, 0.035), (side * 0.074, 1.52, 0.045), 0.022) for side in (-1, 1)]
        parts += [*sides, Ellipsoid((0, 1.55, 0.07), (0.085, 0.15, 0.045))]
    if has_bun:
        parts.append(Ellipsoid((0, 1.765, 0.095), (0.046, 0.044, 0.042)))
    return Union(parts, 0.025)


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
