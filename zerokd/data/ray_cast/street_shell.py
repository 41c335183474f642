"""A street without its lamps and cars: road, pavements, house fronts with windows and shops, sky."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import field, frozen

from zerokd.data.ray_cast.renderer import Surface
from zerokd.data.ray_cast.shapes import Array, cross_box, dot, to_column
from zerokd.data.ray_cast.textures import (
    Texture,
    asphalt,
    cover_interval,
    cover_stripes,
    hash_cells,
    mix,
    sample_noise,
)

SKY, GROUND, FIRST_HOUSE = 0, 1, 2
FACES_PER_HOUSE = 6
KERB = 0.18  # metres, the width of the stone
WARM_PANE, COOL_PANE = to_column((1.0, 0.58, 0.24)), to_column((0.80, 0.92, 1.0))
GLASS, STONE, SHUTTER = to_column((0.012, 0.014, 0.016)), to_column((0.42, 0.40, 0.37)), to_column((0.10, 0.12, 0.10))


@frozen(eq=False)
class House:
    """A box from ``low`` to ``high`` whose windows form a grid of ``column`` x ``storey`` metres.

    ``shop`` is the height of its ground floor, ``lit`` the share of lit windows, ``glow`` their radiance.
    """

    low: Array = field(converter=to_column)
    high: Array = field(converter=to_column)
    wall: Texture
    column: float = field(converter=float)
    storey: float = field(converter=float)
    shop: float = field(converter=float)
    lit: float = field(converter=float)
    glow: float = field(converter=float)
    tint: Array = field(converter=to_column)
    salt: int

    def paint(self, u: Array, v: Array, footprint: Array) -> tuple[Array, Array, Array]:
        """Reflectance, glow (3, N) and gloss (N,); u along the front, v upwards."""
        column, row = np.floor(u / self.column), np.floor((v - self.shop) / self.storey)
        x, y = u / self.column - column, (v - self.shop) / self.storey - row
        is_shop = v < self.shop
        x_low, x_high = np.where(is_shop, 0.08, 0.27), np.where(is_shop, 0.92, 0.73)
        y = np.where(is_shop, v / self.shop, y)
        y_low, y_high = np.where(is_shop, 0.16, 0.22), np.where(is_shop, 0.78, 0.82)
        wide, high = footprint / self.column, footprint / np.where(is_shop, self.shop, self.storey)
        opening = cover_interval(x, x_low, x_high, wide) * cover_interval(y, y_low, y_high, high)
        inner = np.where(is_shop, 0.012, 0.022)
        pane = cover_interval(x, x_low + inner, x_high - inner, wide)
        pane = pane * cover_interval(y, y_low + 0.025, y_high - 0.025, high)
        pane = pane * (1 - cover_interval(x, 0.49, 0.51, wide) * ~is_shop)
        glow = self._light_pane(column, row, x, y, is_shop) * pane
        sill = cover_interval(y, y_low - 0.05, y_low, high) * cover_interval(x, x_low - 0.03, x_high + 0.03, wide)
        band = cover_interval(v, self.shop - 0.35, self.shop - 0.1, footprint)
        colour = mix(self.wall(u, v, footprint), STONE, np.clip(sill * ~is_shop, 0, 1))
        colour = mix(colour, self.tint, band)
        colour = mix(mix(colour, to_column((0.55, 0.54, 0.5)), opening), GLASS, pane)
        return colour, glow, np.float32(0.05) * (pane > 0.5)

    def _light_pane(self, column: Array, row: Array, x: Array, y: Array, is_shop: Array) -> Array:
        pick = hash_cells(column, row, self.salt)
        tone = hash_cells(column, row, self.salt + 1)
        is_lit = np.where(is_shop, pick < 0.75, pick < self.lit)
        colour = mix(WARM_PANE, COOL_PANE, np.where(tone > 0.82, 1, 0.25 * tone).astype(np.float32))
        lamp = np.exp(-((x - 0.5 - 0.2 * (tone - 0.5)) ** 2) / 0.03 - (y - 0.75) ** 2 / 0.06)
        inside = 0.35 + 0.4 * y + 0.9 * lamp
        curtain = 1 - 0.65 * (np.abs(x - 0.5) > 0.13 + 0.1 * pick) * (tone < 0.6) * ~is_shop
        blind = 1 - 0.8 * (y > 0.82 - 0.5 * tone) * (pick > 0.5 * self.lit) * ~is_shop
        goods = np.where(is_shop & (y < 0.28 + 0.2 * hash_cells(np.floor(x * 9), column, self.salt + 2)), 0.35, 1)
        strength = self.glow * (0.4 + tone) * np.where(is_shop, 0.8, 1)
        return colour * (strength * inside * curtain * blind * goods * is_lit).astype(np.float32)


@frozen(eq=False)
class StreetShell:
    """A street along z of ``half_width`` to the house fronts and ``half_road`` to the kerbs.

    ``sky`` is the radiance of the horizon, ``zenith`` that above; ``wet`` makes the ground a rough mirror.
    """

    houses: Sequence[House]
    half_width: float = field(converter=float)
    half_road: float = field(converter=float)
    sky: Array = field(converter=to_column)
    zenith: Array = field(converter=to_column)
    wet: float = field(default=0.0, converter=float)
    salt: int = 0

    def intersect(self, origin: Array, direction: Array) -> tuple[Array, Array]:
        count = direction.shape[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / direction
            ground = np.broadcast_to(-origin[1] * inverse[1], count)
        travelled = np.where(direction[1] < 0, ground, np.float32(500)).astype(np.float32)
        labels = np.where(direction[1] < 0, GROUND, SKY)
        for number, house in enumerate(self.houses):
            near, far = cross_box(house.low, house.high, origin, inverse)
            nearer = np.flatnonzero((near < far) & (near > 0) & (near < travelled))
            travelled[nearer] = near[nearer]
            labels[nearer] = FIRST_HOUSE + FACES_PER_HOUSE * number
        labels = labels + self._find_faces(origin + direction * travelled, labels)
        return travelled, labels

    def _find_faces(self, points: Array, labels: Array) -> Array:
        """0, 1 or 2 (N,): the axis of the face of a house that a point is on."""
        faces = np.zeros(len(labels), np.int64)
        for label in np.unique(labels[labels >= FIRST_HOUSE]):
            house, chosen = self.houses[(label - FIRST_HOUSE) // FACES_PER_HOUSE], np.flatnonzero(labels == label)
            middle, half = (house.low + house.high) / 2, (house.high - house.low) / 2
            faces[chosen] = (np.abs(points[:, chosen] - middle) - half).argmax(0)
        return faces

    def describe(self, points: Array, direction: Array, labels: Array, footprint: Array) -> Surface:
        count = len(labels)
        surface = Surface.create_black(count)
        surface.normals[1] = 1
        for label in np.unique(labels):
            chosen = np.flatnonzero(labels == label)
            if label == SKY:
                surface.glow[:, chosen] = self.look(direction[:, chosen], footprint[chosen] / 500)
            elif label == GROUND:
                self._describe_ground(surface, chosen, points[:, chosen], direction[:, chosen], footprint[chosen])
            else:
                self._describe_house(surface, chosen, points[:, chosen], direction[:, chosen], footprint[chosen], label)
        return surface

    def look(self, direction: Array, footprint: Array) -> Array:
        """The sky's radiance."""
        elevation = np.clip(direction[1], 0, 1)
        clouds = sample_noise(
            22 * direction[0] / (elevation + 0.25) + self.salt, 22 * direction[2] / (elevation + 0.25), 30 * footprint
        )
        return mix(self.sky, self.zenith, elevation ** np.float32(0.55)) * np.exp(np.float32(0.16) * clouds)

    def _describe_ground(
        self, surface: Surface, chosen: Array, points: Array, direction: Array, footprint: Array
    ) -> None:
        x, _, z = points
        wide = footprint / np.sqrt(np.maximum(-direction[1], 0.02))
        along = footprint / np.maximum(-direction[1], 0.02)
        road = asphalt(self.salt)(x, z, wide)
        dashes = cover_interval(x, -0.07, 0.07, wide) * cover_stripes(z, 4.0, 1.8, along)
        road = mix(road, to_column((0.45, 0.44, 0.41)), np.float32(0.7) * dashes)
        stones = hash_cells(np.floor(x / 0.6), np.floor(z / 0.6), self.salt)
        joints = cover_stripes(x, 0.6, 0.015, wide) + cover_stripes(z, 0.6, 0.015, along)
        grain = sample_noise(60 * x, 60 * z, 60 * wide)
        slabs = (
            to_column((0.22, 0.215, 0.2))
            * np.exp(0.2 * (stones - 0.5) + 0.1 * grain)
            * (1 - 0.5 * np.clip(joints, 0, 1))
        )
        aside = np.abs(x) - np.float32(self.half_road)
        kerb = cover_interval(aside, 0.0, KERB, wide)
        colour = mix(road, slabs, np.clip(aside / np.maximum(wide, 1e-3) + 0.5, 0, 1))
        surface.colour[:, chosen] = mix(colour, to_column((0.3, 0.29, 0.28)), kerb)
        if self.wet:
            puddles = sample_noise(2.2 * x + 30, 5 * z + self.salt, 5 * along)
            share = np.clip(0.6 + 0.55 * puddles, 0.15, 1) * np.where(aside > 0, 0.5, 1)
            surface.gloss[chosen] = np.float32(self.wet) * share
            surface.colour[:, chosen] *= 1 - np.float32(0.4) * share  # a wet surface is darker
            ripples = 0.022 * (1.3 - share)  # small ones fade where a pixel covers several
            surface.normals[0, chosen] = np.float32(0.25) * ripples * sample_noise(25 * x, 25 * z, 25 * along)
            surface.normals[2, chosen] = ripples * sample_noise(25 * x + 128, 25 * z + 77, 25 * along)
            length = np.sqrt(dot(surface.normals[:, chosen], surface.normals[:, chosen]))
            surface.normals[:, chosen] /= length

    def _describe_house(
        self, surface: Surface, chosen: Array, points: Array, direction: Array, footprint: Array, label: int
    ) -> None:
        number, axis = divmod(label - FIRST_HOUSE, FACES_PER_HOUSE)
        house = self.houses[number]
        surface.normals[:, chosen] = 0
        surface.normals[axis, chosen] = -np.sign(direction[axis])
        if axis == 1:
            surface.colour[:, chosen] = 0.1
            return
        slant = np.maximum(np.abs(direction[axis]), 0.08)
        start = float(house.low[2 if axis == 0 else 0, 0])
        painted = house.paint(points[2 if axis == 0 else 0] - start, points[1], footprint / np.sqrt(slant))
        surface.colour[:, chosen], surface.glow[:, chosen], surface.gloss[chosen] = painted

    def occlude(self, points: Array, normals: Array) -> Array:
        height = np.clip(points[1] / 9, 0, 1)
        to_front = np.maximum(self.half_width - np.abs(points[0]), 0)
        corner = 1 - np.float32(0.4) * np.exp(-to_front / np.float32(0.5)) * np.abs(normals[1])
        foot = 1 - np.float32(0.35) * np.exp(-points[1] / np.float32(0.4)) * (1 - np.abs(normals[1]))
        return (0.45 + 0.4 * height + 0.15 * normals[1]) * corner * foot
