"""Street lamps, cars and neon signs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from zerokd.data.ray_cast.bodies import Body, Material
from zerokd.data.ray_cast.lights import Lamp
from zerokd.data.ray_cast.shapes import Array, Box, Boxes, Capsule, Ellipsoid, Frustum, Point, Union, to_column
from zerokd.data.ray_cast.textures import mix

IRON, RUBBER = to_column((0.06, 0.065, 0.065)), to_column((0.02, 0.02, 0.02))
CAR_COLOURS = ((0.35, 0.04, 0.035), (0.04, 0.08, 0.2), (0.5, 0.5, 0.5), (0.05, 0.05, 0.055), (0.3, 0.28, 0.2))
STROKES = {  # letters of a neon sign, as lines of points on a grid of 4 x 6
    "A": ((0, 0, 2, 6, 4, 0), (0.8, 2.3, 3.2, 2.3)),
    "B": ((0, 0, 0, 6, 3, 6, 4, 5, 3.4, 3.4, 0, 3.2), (3.4, 3.4, 4, 1.5, 3, 0, 0, 0)),
    "C": ((4, 5, 3, 6, 1, 6, 0, 5, 0, 1, 1, 0, 3, 0, 4, 1),),
    "E": ((4, 6, 0, 6, 0, 0, 4, 0), (0, 3.2, 3, 3.2)),
    "F": ((4, 6, 0, 6, 0, 0), (0, 3.2, 3, 3.2)),
    "H": ((0, 0, 0, 6), (4, 0, 4, 6), (0, 3.1, 4, 3.1)),
    "I": ((2, 0, 2, 6),),
    "K": ((0, 0, 0, 6), (4, 6, 0, 2.6), (1.2, 3.6, 4, 0)),
    "L": ((0, 6, 0, 0, 4, 0),),
    "N": ((0, 0, 0, 6, 4, 0, 4, 6),),
    "O": ((1, 0, 0, 1, 0, 5, 1, 6, 3, 6, 4, 5, 4, 1, 3, 0, 1, 0),),
    "R": ((0, 0, 0, 6, 3, 6, 4, 5, 4, 4, 3, 3, 0, 3), (2, 3, 4, 0)),
    "T": ((0, 6, 4, 6), (2, 6, 2, 0)),
}
SIGNS = ("BAR", "HOTEL", "CAFE", "KINO")
NEONS = ((1.0, 0.12, 0.16), (0.1, 0.55, 1.0), (1.0, 0.2, 0.75), (0.2, 1.0, 0.45), (1.0, 0.45, 0.08))


def build_street_lamp(x: float, z: float, power: float, tint: Point) -> tuple[list[Body], Lamp]:
    """A post with an arm over the road; the head shines downwards."""
    inward = -np.sign(x)
    head = (x + inward * 0.95, 5.0, z)
    colour = to_column(tint) * np.float32(power)
    post = Union([Capsule((0, 0, 0), (0, 4.9, 0), 0.06), Capsule((0, 4.85, 0), (inward * 0.9, 5.12, 0), 0.035),
                  Frustum((0, 0.4, 0), 0.4, 0.1, 0.08)], 0.05)  # fmt: skip
    shade = Box((0, 0.07, 0), (0.28, 0.06, 0.14), 0.05)

    def glow(points: Array, normals: Array, footprint: Array) -> Array:
        return colour * (np.float32(6.0) * (normals[1] < -0.2) + np.float32(0.02))

    bodies = [
        Body(post, Material(IRON), (x, 0, z), casts_shadow=False),
        Body(shade, Material(IRON, glow), head, casts_shadow=False),
    ]
    return bodies, Lamp(head, colour, 0.12, side=0.03, down=0.28)


def build_car(x: float, z: float, rng: np.random.Generator) -> list[Body]:
    """A parked car, seen from behind, with its tail lights on in half of the cases."""
    lacquer = to_column(CAR_COLOURS[rng.integers(len(CAR_COLOURS))])
    tail = np.float32(4.0 * (rng.random() < 0.5))
    shape = Union([Box((0, 0.58, 0), (0.84, 0.3, 2.1), 0.16), Box((0, 1.0, 0.1), (0.7, 0.34, 1.15), 0.24)], 0.12)

    def paint(points: Array, normals: Array, footprint: Array) -> Array:
        x, y, z = points
        glass = (y > 0.86) & (y < 1.24) & (np.abs(np.where(np.abs(normals[0]) > 0.6, z - 0.1, 3 * x)) < 1.75)
        glass &= (np.abs(normals[0]) < 0.6) | (np.abs(z - 0.12) > 0.05)
        plate = (np.abs(x) < 0.26) & (np.abs(y - 0.62) < 0.06) & (normals[2] < -0.7)
        bumper = y < 0.42
        colour = mix(np.repeat(lacquer, len(x), 1), RUBBER, (glass | bumper).astype(np.float32))
        return mix(colour, to_column((0.5, 0.48, 0.4)), plate.astype(np.float32))

    def glow(points: Array, normals: Array, footprint: Array) -> Array:
        x, y, z = points
        lamp = (np.abs(np.abs(x) - 0.62) < 0.13) & (np.abs(y - 0.7) < 0.07) & (z < -1.9)
        return to_column((1.0, 0.03, 0.02)) * (tail * lamp)

    wheels = Union([Ellipsoid((a * 0.74, 0.32, b * 1.3), (0.13, 0.32, 0.32)) for a in (-1, 1) for b in (-1, 1)])
    return [Body(shape, Material(paint, glow, 0.05), (x, 0, z)), Body(wheels, Material(RUBBER), (x, 0, z))]


def measure_strokes(word: str, x: Array, y: Array) -> Array:
    """The distance (N,) to the lines of a word on the letters' grid; a letter is 5.5 wide."""
    distance = np.full(x.shape, np.inf, np.float32)
    for number, letter in enumerate(word):
        left = 5.5 * number
        for line in STROKES[letter]:
            corners = [(left + a, b) for a, b in zip(line[::2], line[1::2], strict=True)]
            for (start_x, start_y), (end_x, end_y) in pairwise(corners):
                axis_x, axis_y = end_x - start_x, end_y - start_y
                share = ((x - start_x) * axis_x + (y - start_y) * axis_y) / (axis_x**2 + axis_y**2)
                share = np.clip(share, 0, 1)
                away = np.hypot(x - start_x - share * axis_x, y - start_y - share * axis_y)
                np.minimum(distance, away, out=distance)
    return distance


def build_sign(x: float, y: float, z: float, word: str, tint: Point, power: float) -> tuple[list[Body], Lamp]:
    """A board across the pavement whose front, towards -z, bears a word of neon tubes."""
    scale = 0.075
    half_wide, half_high = scale * (5.5 * len(word) - 1.5) / 2 + 0.12, scale * 3 + 0.14
    colour, core = to_column(tint), to_column(tint) * 0.7 + 0.3

    def glow(points: Array, normals: Array, footprint: Array) -> Array:
        away = scale * measure_strokes(word, points[0] / scale + (5.5 * len(word) - 1.5) / 2, points[1] / scale + 3)
        tube = np.clip((0.028 - away) / np.maximum(footprint, 0.004) + 0.5, 0, 1)
        halo = np.float32(0.05) / (1 + (away / 0.05) ** 2)
        return (core * tube + colour * halo) * (np.float32(power * 3) * (normals[2] < -0.5))

    board = Boxes([(0, 0, 0)], [(half_wide, half_high, 0.05)])
    bodies = [Body(board, Material(to_column((0.03, 0.03, 0.035)), glow), (x, y, z), casts_shadow=False)]
    return bodies, Lamp((x, y, z - 0.3), colour * np.float32(power * 0.8), 0.2)
