"""Furniture and lamps of rooms."""

from __future__ import annotations

import numpy as np

from zerokd.data.ray_cast.bodies import Body, Material, Paint
from zerokd.data.ray_cast.lights import Lamp
from zerokd.data.ray_cast.shapes import Array, Box, Boxes, Capsule, Ellipsoid, Frustum, Point, Shape, Union, to_column
from zerokd.data.ray_cast.textures import Texture, books, cover_interval, fabric, mix, sample_noise, wood

FABRICS = ((0.10, 0.16, 0.19), (0.34, 0.10, 0.07), (0.20, 0.22, 0.12), (0.42, 0.36, 0.28), (0.12, 0.12, 0.14),
           (0.38, 0.24, 0.08))  # fmt: skip
WOODS = ((0.30, 0.17, 0.08), (0.42, 0.28, 0.15), (0.16, 0.08, 0.045), (0.5, 0.38, 0.24))
BRASS, STEEL, CERAMIC = to_column((0.36, 0.24, 0.09)), to_column((0.12, 0.12, 0.125)), to_column((0.55, 0.56, 0.54))
SHADE_GLOW = 0.30  # of a shade's mean radiance by its lamp's intensity


def cover_box(texture: Texture) -> Paint:
    """A texture on the faces of a box: u along its longer level side, v along the other or upwards."""

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        x, y, z = points
        level = np.abs(normals[1]) > 0.6
        across = np.where(np.abs(normals[0]) > 0.6, z, x)
        return texture(across, np.where(level, z, y), footprint)

    return paint


def build_table(x: float, z: float, wide: float, deep: float, colour: Point, height: float = 0.74) -> Body:
    corners = [(a * (wide / 2 - 0.06), height / 2, b * (deep / 2 - 0.06)) for a in (-1, 1) for b in (-1, 1)]
    parts = [
        ((0, height, 0), (wide / 2, 0.02, deep / 2)),
        ((0, height - 0.06, 0), (wide / 2 - 0.07, 0.045, deep / 2 - 0.07)),
    ]
    shape = Boxes(
        [*(part[0] for part in parts), *corners], [*(part[1] for part in parts), *[(0.028, height / 2, 0.028)] * 4]
    )
    return Body(shape, Material(cover_box(wood(colour, 0.3)), gloss=0.03), (x, 0, z))


def build_chair(x: float, z: float, yaw: float, colour: Point) -> Body:
    legs = [((a * 0.19, 0.22, b * 0.19), (0.018, 0.22, 0.018)) for a in (-1, 1) for b in (-1, 1)]
    posts = [((a * 0.19, 0.68, 0.19), (0.018, 0.24, 0.018)) for a in (-1, 1)]
    slats = [((0, height, 0.19), (0.19, 0.035, 0.01)) for height in (0.62, 0.74, 0.87)]
    parts = [((0, 0.45, 0), (0.22, 0.018, 0.22)), *legs, *posts, *slats]
    shape = Boxes([middle for middle, _ in parts], [half for _, half in parts])
    return Body(shape, Material(cover_box(wood(colour, 0.2))), (x, 0, z), yaw)


def build_sofa(x: float, z: float, yaw: float, colour: Point, wide: float = 1.7) -> Body:
    half = wide / 2
    arms = [Box((side * (half - 0.09), 0.32, 0), (0.1, 0.28, 0.42), 0.08) for side in (-1, 1)]
    seats = [Box((side * (half - 0.19) / 2, 0.38, -0.06), ((half - 0.2) / 2, 0.11, 0.36), 0.06) for side in (-1, 1)]
    backs = [Box((side * (half - 0.19) / 2, 0.62, 0.29), ((half - 0.2) / 2, 0.24, 0.11), 0.08) for side in (-1, 1)]
    base = Box((0, 0.2, 0.02), (half - 0.02, 0.11, 0.42), 0.03)
    shape = Union([base, *seats, *backs, *arms], 0.025)
    return Body(shape, Material(cover_box(fabric(colour))), (x, 0, z), yaw)


def build_cushion(x: float, y: float, z: float, yaw: float, colour: Point, salt: int) -> Body:
    cushion = Ellipsoid((0, 0, 0), (0.22, 0.19, 0.09))
    return Body(cushion, Material(cover_box(fabric(colour, (0.5, 0.45, 0.38), 0.05, salt))), (x, y, z), yaw)


def build_bookcase(x: float, z: float, yaw: float, wide: float, high: float, colour: Point, salt: int) -> list[Body]:
    """A case whose books are painted on a recessed board."""
    levels = np.arange(0.1 + 0.34, high - 0.1, 0.34)
    parts = [
        *(((side * wide / 2, high / 2, 0), (0.016, high / 2, 0.15)) for side in (-1, 1)),
        ((0, high, 0), (wide / 2 + 0.016, 0.016, 0.15)),
        ((0, 0.05, 0), (wide / 2, 0.05, 0.14)),
        *(((0, level, 0), (wide / 2, 0.012, 0.148)) for level in levels),
    ]
    frame = Boxes([middle for middle, _ in parts], [half for _, half in parts])
    texture = books(salt)

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        return texture(points[0], points[1] - 0.1, footprint)

    wooden = Material(cover_box(wood(colour, 0.5)))
    return [
        Body(frame, wooden, (x, 0, z), yaw),
        Body(Boxes([(0, high / 2, 0.02)], [(wide / 2, high / 2, 0.12)]), Material(paint), (x, 0, z), yaw),
    ]


def build_plant(rng: np.random.Generator, x: float, z: float, size: float = 1.0) -> list[Body]:
    leaves: list[Shape] = []
    for angle in np.arange(7) * 2.4 + rng.random():
        reach, height = size * rng.uniform(0.12, 0.26), size * rng.uniform(0.55, 1.05)
        tip = (reach * np.cos(angle), height + 0.25 * size, reach * np.sin(angle))
        leaves += [
            Capsule((0, 0.3 * size, 0), tip, 0.007),
            Ellipsoid(tip, (0.1 * size, 0.05 * size, 0.1 * size)),
        ]
    green = to_column((0.05, 0.12, 0.035))

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        veins = sample_noise(60 * points[0] + 20 * points[1], 60 * points[2], 60 * footprint)
        return green * np.exp(np.float32(0.25) * veins + np.float32(0.4) * normals[1])

    pot = Frustum((0, 0.17 * size, 0), 0.17 * size, 0.12 * size, 0.17 * size)
    return [
        Body(pot, Material(to_column((0.34, 0.16, 0.09))), (x, 0, z)),
        Body(Union(leaves, 0.02), Material(paint), (x, 0, z)),
    ]


def build_frame(rng: np.random.Generator, x: float, y: float, z: float, wide: float, high: float) -> Body:
    """A framed print on a wall that faces -z."""
    inks = [to_column(FABRICS[number]) * 1.6 for number in rng.permutation(len(FABRICS))[:3]]
    phase = float(rng.random() * 40)

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        u, v = points[0] / wide, points[1] / high
        waves = 0.09 * sample_noise(12 * u + phase, 0 * v + phase, 0.5)
        print_colour = mix(inks[0], inks[1], np.clip((v - waves) / 0.02 + 0.5, 0, 1))
        sun = np.clip((0.16 - np.hypot(u - 0.2, (v - 0.22) * high / wide)) / 0.01 + 0.5, 0, 1)
        print_colour = mix(print_colour, inks[2], sun)
        inner = np.minimum(wide / 2 - np.abs(points[0]), high / 2 - np.abs(points[1]))
        sheet = mix(to_column((0.7, 0.69, 0.65)), print_colour, cover_interval(inner, 0.09, 9.0, footprint))
        return mix(sheet, to_column((0.06, 0.04, 0.03)), cover_interval(inner, -1.0, 0.022, footprint))

    return Body(Boxes([(0, 0, 0)], [(wide / 2, high / 2, 0.015)]), Material(paint), (x, y, z))


def build_vase(x: float, y: float, z: float, colour: Point, size: float = 1.0) -> Body:
    belly = Ellipsoid((0, 0.1 * size, 0), (0.075 * size, 0.1 * size, 0.075 * size))
    neck = Frustum((0, 0.22 * size, 0), 0.06 * size, 0.025 * size, 0.04 * size)
    return Body(Union([belly, neck], 0.03), Material(to_column(colour), gloss=0.05), (x, y, z))


def build_stack(x: float, y: float, z: float, rng: np.random.Generator) -> list[Body]:
    """Three books, one on the other."""
    return [
        Body(
            Boxes([(0, 0.018, 0)], [(0.11 - 0.012 * number, 0.017, 0.08)]),
            Material(to_column(FABRICS[rng.integers(len(FABRICS))])),
            (x, y + 0.036 * number, z),
            float(rng.uniform(-0.4, 0.4)),
        )
        for number in range(3)
    ]


def glow_shade(colour: Array, middle: float, half: float) -> Paint:
    """A lampshade: brightest at the height of the bulb, darker towards its rims."""

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        height = (points[1] - middle) / half
        weave = 1 + np.float32(0.04) * sample_noise(300 * np.arctan2(points[0], points[2]), 200 * height, 4)
        shade = np.where(np.abs(normals[1]) > 0.7, 2.2, 0.35 + 0.65 * np.exp(-1.1 * height * height)) * weave
        return colour * shade

    return paint


def build_table_lamp(x: float, y: float, z: float, colour: Point) -> tuple[list[Body], Lamp]:
    shade = Frustum((0, 0.40, 0), 0.1, 0.15, 0.1)
    stand = Union(
        [
            Ellipsoid((0, 0.11, 0), (0.065, 0.1, 0.065)),
            Capsule((0, 0.1, 0), (0, 0.32, 0), 0.012),
            Frustum((0, 0.012, 0), 0.012, 0.075, 0.07),
        ],
        0.02,
    )
    glow = glow_shade(to_column(colour) * SHADE_GLOW / 0.06, 0.4, 0.1)
    bodies = [
        Body(stand, Material(CERAMIC * 0.6, gloss=0.04), (x, y, z)),
        Body(shade, Material(to_column((0.4, 0.36, 0.3)), glow), (x, y, z), casts_shadow=False),
    ]
    return bodies, Lamp((x, y + 0.4, z), colour, 0.07, side=0.3, down=0.56, up=0.72)


def build_floor_lamp(x: float, z: float, colour: Point) -> tuple[list[Body], Lamp]:
    pole = Union([Capsule((0, 0.02, 0), (0, 1.4, 0), 0.014), Frustum((0, 0.015, 0), 0.015, 0.15, 0.14)])
    glow = glow_shade(to_column(colour) * SHADE_GLOW / 0.16, 1.5, 0.14)
    bodies = [
        Body(pole, Material(STEEL), (x, 0, z)),
        Body(Frustum((0, 1.5, 0), 0.14, 0.21, 0.15), Material(to_column((0.4, 0.36, 0.3)), glow), (x, 0, z),
             casts_shadow=False),
    ]  # fmt: skip
    return bodies, Lamp((x, 1.5, z), colour, 0.09, side=0.28, down=0.55, up=0.68)


def build_pendant(x: float, y: float, z: float, ceiling: float, colour: Point) -> tuple[list[Body], Lamp]:
    """A globe of glass on a cord."""
    cord = Body(Capsule((0, 0.1, 0), (0, ceiling - y, 0), 0.006), Material(STEEL), (x, y, z), casts_shadow=False)
    globe = Body(Ellipsoid((0, 0, 0), (0.13, 0.13, 0.13)), Material(CERAMIC, to_column(colour) / (np.pi * 0.13**2)),
                 (x, y, z), casts_shadow=False)  # fmt: skip
    return [cord, globe], Lamp((x, y, z), colour, 0.13)
