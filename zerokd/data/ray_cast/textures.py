"""Reflectances of surfaces: plaster, wood, bricks, tiles, books, asphalt; detail fades where a pixel covers more of it.

``u`` and ``v`` are positions on a surface in metres, ``footprint`` the metres that a pixel covers there, all (N,).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from zerokd.data.ray_cast.shapes import Array, Point, to_column

Texture = Callable[[Array, Array, Array], Array]  # u, v, footprint (N,) -> reflectance (3, N)
TABLE_SIZE, TABLE_LEVELS, TABLE_SEED = 256, 5, 12


@lru_cache(1)
def build_noise_table() -> Array:
    """Periodic noise of 1/f amplitude and unit variance at five sharpnesses, flat: 5 x 256 x 256."""
    frequency = np.hypot(np.fft.fftfreq(TABLE_SIZE)[:, None], np.fft.rfftfreq(TABLE_SIZE))
    spectrum = np.fft.rfft2(np.random.default_rng(TABLE_SEED).standard_normal((TABLE_SIZE, TABLE_SIZE)))
    spectrum /= np.maximum(frequency, 4 / TABLE_SIZE)  # no structure as large as the table, which would repeat
    spectrum[0, 0] = 0
    levels = [
        np.fft.irfft2(spectrum * np.exp(-((2**level * frequency) ** 2) * 4), (TABLE_SIZE, TABLE_SIZE))
        for level in range(TABLE_LEVELS)
    ]
    return (np.stack(levels) / levels[0].std()).astype(np.float32).ravel()


@lru_cache(1)
def build_hash_table() -> Array:
    """4096 uniform random numbers."""
    return np.random.default_rng(TABLE_SEED + 1).random(4096).astype(np.float32)


def sample_noise(u: Array, v: Array, footprint: Array | float = 0.0) -> Array:
    """Smooth noise of unit variance; ``u``, ``v`` and the footprint count cells of the table."""
    table = build_noise_table()
    level = np.clip(np.rint(np.log2(np.maximum(footprint, 0.5))), 0, TABLE_LEVELS - 1).astype(np.int32)
    base_u, base_v = np.floor(u), np.floor(v)
    share_u, share_v = u - base_u, v - base_v
    column, row = base_u.astype(np.int32), base_v.astype(np.int32)
    left, right = column & (TABLE_SIZE - 1), (column + 1) & (TABLE_SIZE - 1)
    top = (level * TABLE_SIZE + (row & (TABLE_SIZE - 1))) * TABLE_SIZE
    bottom = (level * TABLE_SIZE + ((row + 1) & (TABLE_SIZE - 1))) * TABLE_SIZE
    upper = table[top + left] + share_u * (table[top + right] - table[top + left])
    lower = table[bottom + left] + share_u * (table[bottom + right] - table[bottom + left])
    return upper + share_v * (lower - upper)


def hash_cells(column: Array, row: Array, salt: int = 0) -> Array:
    """A uniform random number for each cell of a grid; the same cell and salt always give the same."""
    mixed = column.astype(np.int64) * 374761393 + row.astype(np.int64) * 668265263 + salt * 97531
    mixed = (mixed ^ (mixed >> 13)) * 1274126177
    return build_hash_table()[(mixed ^ (mixed >> 16)) & 4095]


def cover_stripes(x: Array, period: float, width: float, footprint: Array) -> Array:
    """The share of a pixel that periodic stripes cover, from multiples of ``period`` on: their exact box filter."""
    wide = np.maximum(footprint, 1e-4)

    def integrate(position: Array) -> Array:
        cycle = np.floor(position / period)
        return cycle * width + np.minimum(position - cycle * period, width)

    return (integrate(x + wide / 2) - integrate(x - wide / 2)) / wide


def cover_interval(x: Array, low: Array | float, high: Array | float, footprint: Array) -> Array:
    """The share of a pixel between two positions."""
    wide = np.maximum(footprint, 1e-4)
    return (np.clip(x + wide / 2, low, high) - np.clip(x - wide / 2, low, high)) / wide


def mix(first: Array, second: Array, share: Array) -> Array:
    """The first colour where ``share`` (N,) is 0, the second where it is 1."""
    return first + share * (second - first)


def plaster(colour: Point, roughness: float = 1.0, salt: int = 0) -> Texture:
    base, strength = to_column(colour), np.float32(roughness)

    def paint(u: Array, v: Array, footprint: Array) -> Array:
        stains = sample_noise(9 * u + 31 * salt, 9 * v, 9 * footprint)
        grain = sample_noise(140 * u, 140 * v + 57 * salt, 140 * footprint)
        return base * (1 + strength * (np.float32(0.03) * stains + np.float32(0.035) * grain))

    return paint


def wood(colour: Point, plank: float = 0.14, salt: int = 0) -> Texture:
    """Planks along u."""
    base, seam = to_column(colour), to_column(colour) * np.float32(0.25)

    def paint(u: Array, v: Array, footprint: Array) -> Array:
        number = np.floor(v / plank)
        start = u + 3 * hash_cells(number, number, salt)
        board = np.floor(start / 1.6)
        tint = hash_cells(number, board, salt)
        rings = sample_noise(7 * u + 90 * tint, 110 * v + 70 * tint, 60 * footprint)
        fibre = sample_noise(30 * u + 50 * tint, 420 * v, 300 * footprint)
        shade = np.exp(0.16 * rings + 0.07 * fibre + 0.55 * (tint - 0.5))
        gap = cover_stripes(v, plank, 0.004, footprint) + cover_stripes(start, 1.6, 0.004, footprint)
        return mix(base * shade, seam, np.minimum(0.8 * gap, 1))

    return paint


def bricks(colour: Point, mortar: Point = (0.42, 0.40, 0.36), salt: int = 0) -> Texture:
    base, joint = to_column(colour), to_column(mortar)

    def paint(u: Array, v: Array, footprint: Array) -> Array:
        row = np.floor(v / 0.075)
        shifted = u + 0.125 * (row % 2)
        column = np.floor(shifted / 0.25)
        tint = hash_cells(column, row, salt)
        grain = sample_noise(120 * u + 40 * tint, 120 * v, 120 * footprint)
        shade = np.exp(0.7 * (tint - 0.5) + 0.12 * grain)
        hue = 1 + (hash_cells(column, row, salt + 5) - 0.5) * to_column((0.1, 0.3, 0.4))
        lines = cover_stripes(v, 0.075, 0.01, footprint) + cover_stripes(shifted, 0.25, 0.01, footprint)
        return mix(base * shade * hue, joint * (1 + np.float32(0.1) * grain), np.clip(lines, 0, 1))

    return paint


def tiles(light: Point, dark: Point, side: float = 0.3, salt: int = 0) -> Texture:
    """A chequered floor with joints."""
    colours = to_column(light), to_column(dark)

    def paint(u: Array, v: Array, footprint: Array) -> Array:
        across, along = (cover_stripes(x, 2 * side, side, footprint) for x in (u, v))
        chequered = across * (1 - along) + along * (1 - across)
        tint = hash_cells(np.floor(u / side), np.floor(v / side), salt)
        veins = sample_noise(25 * u + 30 * tint, 25 * v + 80 * tint, 25 * footprint)
        joints = cover_stripes(u, side, 0.005, footprint) + cover_stripes(v, side, 0.005, footprint)
        surface = mix(*colours, chequered) * np.exp(0.08 * veins + 0.16 * (tint - 0.5))
        return surface * (1 - np.float32(0.55) * np.clip(joints, 0, 1))

    return paint


def fabric(colour: Point, stripe: Point | None = None, period: float = 0.12, salt: int = 0) -> Texture:
    base, other = to_column(colour), to_column(stripe or colour)

    def paint(u: Array, v: Array, footprint: Array) -> Array:
        weave = sample_noise(260 * u + 11 * salt, 260 * v, 260 * footprint)
        folds = sample_noise(14 * u, 14 * v + 23 * salt, 14 * footprint)
        banded = mix(base, other, cover_stripes(u, period, period / 3, footprint))
        return banded * np.exp(np.float32(0.1) * weave + np.float32(0.07) * folds)

    return paint


def rug(ground: Point, border: Point, half: tuple[float, float], salt: int = 0) -> Texture:
    """A patterned carpet around the origin."""
    base, edge = to_column(ground), to_column(border)

    def paint(u: Array, v: Array, footprint: Array) -> Array:
        rim = np.minimum(half[0] - np.abs(u), half[1] - np.abs(v))
        frame = cover_interval(rim, 0.06, 0.16, footprint) + cover_interval(rim, 0.2, 0.23, footprint)
        lozenge = np.abs(u) / half[0] + np.abs(v) / half[1]
        rings = cover_stripes(lozenge, 0.2, 0.08, footprint / min(half)) * (rim > 0.24)
        pile = sample_noise(200 * u + 7 * salt, 200 * v, 200 * footprint)
        return mix(base, edge, np.clip(frame + 0.75 * rings, 0, 1)) * np.exp(np.float32(0.12) * pile)

    return paint


def books(salt: int = 0, shelf: float = 0.34) -> Texture:
    """Shelves full of books, seen from the front; v counts upwards from a board."""

    def paint(u: Array, v: Array, footprint: Array) -> Array:
        row = np.floor(v / shelf)
        place = u / 0.042 + 60 * hash_cells(row, row, salt)
        number = np.floor(place)
        pick, tone = hash_cells(number, row, salt), hash_cells(number, row, salt + 1)
        height = 0.62 + 0.3 * hash_cells(number, row, salt + 2)
        above = v / shelf - row
        spine = to_column((0.32, 0.10, 0.08)) * (pick < 0.28) + to_column((0.08, 0.14, 0.26)) * (pick > 0.72)
        spine = spine + to_column((0.42, 0.36, 0.26)) * ((pick >= 0.28) & (pick < 0.5))
        spine = spine + to_column((0.07, 0.17, 0.12)) * ((pick >= 0.5) & (pick <= 0.72))
        across = place - number
        rounding = 1 - 0.75 * (2 * across - 1) ** 4
        label = cover_interval(above / height, 0.6, 0.75, footprint / shelf) * (tone > 0.5)
        colour = mix(spine * (0.5 + tone), to_column((0.55, 0.45, 0.22)), 0.7 * label) * rounding
        is_book = cover_interval(above, 0.08, height, footprint / shelf) * (pick < 0.93)
        board = cover_interval(above, 0.0, 0.08, footprint / shelf)
        return mix(mix(to_column((0.03, 0.022, 0.016)), colour, is_book), to_column((0.22, 0.13, 0.07)), board)

    return paint


def asphalt(salt: int = 0) -> Texture:
    def paint(u: Array, v: Array, footprint: Array) -> Array:
        grain = sample_noise(90 * u, 90 * v + 13 * salt, 90 * footprint)
        patches = sample_noise(3 * u + 40 * salt, 3 * v, 3 * footprint)
        return to_column((0.075, 0.075, 0.08)) * np.exp(np.float32(0.2) * grain + np.float32(0.1) * patches)

    return paint
