"""Streets at dusk and by night: lamps, lit windows and shops, signs, cars, wet asphalt."""

from __future__ import annotations

import numpy as np

from zerokd.data.ray_cast.bodies import Bodies, Body
from zerokd.data.ray_cast.figure import build_figure
from zerokd.data.ray_cast.lights import AreaLight, Light
from zerokd.data.ray_cast.renderer import Camera, Scene
from zerokd.data.ray_cast.shapes import to_column
from zerokd.data.ray_cast.street_furniture import NEONS, SIGNS, build_car, build_sign, build_street_lamp
from zerokd.data.ray_cast.street_shell import COOL_PANE, WARM_PANE, House, StreetShell
from zerokd.data.ray_cast.textures import bricks, plaster

FRONTS = ((0.50, 0.45, 0.36), (0.42, 0.33, 0.26), (0.36, 0.38, 0.38), (0.55, 0.52, 0.46), (0.38, 0.24, 0.18))
BRICKS = ((0.30, 0.13, 0.09), (0.26, 0.16, 0.11), (0.36, 0.28, 0.2))
TRIMS = ((0.05, 0.12, 0.08), (0.25, 0.05, 0.05), (0.05, 0.08, 0.18), (0.3, 0.24, 0.1))
LAMP_TINTS = ((1.0, 0.62, 0.26), (1.0, 0.78, 0.5), (0.9, 0.95, 1.0))  # sodium, warm and cold LED
STREET_LENGTH, LAMP_SPACING = 62.0, 11.0


def build_street(rng: np.random.Generator) -> Scene:
    """A street whose sky is anything from dusk to night."""
    half_width = float(rng.uniform(4.6, 6.2))
    half_road = half_width - float(rng.uniform(1.9, 2.5))
    level = float(np.exp(rng.uniform(np.log(0.002), np.log(0.2))))
    horizon = level * np.array((1.0, 0.72, 0.6)) ** rng.uniform(0, 1.2)
    houses = [house for side in (-1, 1) for house in _build_row(rng, side, half_width)]
    wet = float(rng.uniform(0.03, 0.09)) if rng.random() < 0.6 else 0.0
    shell = StreetShell(houses, half_width, half_road, horizon, level * np.array((0.12, 0.2, 0.42)), wet,
                        int(rng.integers(99)))  # fmt: skip
    bodies, lights = _light_street(rng, half_width, half_road)
    for side in (-1, 1):
        z = float(rng.uniform(7, 13))
        for _ in range(int(rng.integers(0, 3))):
            bodies += build_car(side * (half_road - 1.05), z, rng)
            z += float(rng.uniform(5.5, 9))
    if rng.random() < 0.6:
        place = float(rng.choice((-1, 1))) * (half_road + 0.9), float(rng.uniform(5, 9))
        bodies += build_figure(rng, *place, float(rng.choice((0.2, 3.0))))
    lights += [_light_shop(house, half_width) for house in houses if 1 < house.low[2, 0] < 14][:3]
    eye = (float(rng.uniform(-1.6, 1.6)), float(rng.uniform(1.4, 1.9)), 0.0)
    camera = Camera(eye, (float(rng.uniform(-1.5, 1.5)), float(rng.uniform(1.9, 2.8)), 14), float(rng.uniform(46, 58)))
    ambient = to_column(np.pi * 0.6 * (0.6 * horizon + 0.4 * level * np.array((0.3, 0.45, 0.8))))
    bounced = to_column((0.030, 0.021, 0.012))  # of lamps and windows, by house fronts
    return Scene(shell, Bodies(bodies), lights, camera, ambient + bounced, 0.06, (-0.024, 0.0, 0.024))


def _build_row(rng: np.random.Generator, side: int, half_width: float) -> list[House]:
    """Houses side by side, and behind the last one a house across the end of the street."""
    houses, z = [], -6.0
    while z < STREET_LENGTH:
        deep, high = float(rng.uniform(6, 12)), float(rng.uniform(6.5, 15))
        near, far = sorted((side * half_width, side * (half_width + 9)))
        houses.append(_build_house(rng, (near, 0, z), (far, high, z + deep)))
        z += deep
    if side > 0:
        houses.append(_build_house(rng, (-14, 0, STREET_LENGTH + 8), (14, rng.uniform(7, 12), STREET_LENGTH + 16)))
    return houses


def _build_house(rng: np.random.Generator, low: tuple[float, float, float], high: tuple[float, float, float]) -> House:
    salt = int(rng.integers(1000))
    if rng.random() < 0.45:
        wall = bricks(BRICKS[rng.integers(len(BRICKS))], salt=salt)
    else:
        wall = plaster(FRONTS[rng.integers(len(FRONTS))], 1.6, salt)
    return House(
        low, high, wall, column=rng.uniform(2.0, 2.9), storey=rng.uniform(2.8, 3.3), shop=rng.uniform(3.2, 3.8),
        lit=rng.uniform(0.15, 0.45), glow=rng.uniform(0.3, 0.8), tint=TRIMS[rng.integers(len(TRIMS))], salt=salt,
    )  # fmt: skip


def _light_street(rng: np.random.Generator, half_width: float, half_road: float) -> tuple[list[Body], list[Light]]:
    bodies: list[Body] = []
    lights: list[Light] = []
    tint, power = LAMP_TINTS[rng.integers(len(LAMP_TINTS))], float(rng.uniform(14, 30))
    side, z = (1 if rng.random() < 0.5 else -1), float(rng.uniform(3.5, 8))
    for number in range(5):
        lamp = build_street_lamp(side * (half_road + 0.45), z + LAMP_SPACING * number, power, tint)
        bodies += lamp[0]
        lights += [lamp[1]]
        side = -side
    for number in range(int(rng.integers(1, 3))):
        word, neon = SIGNS[rng.integers(len(SIGNS))], NEONS[rng.integers(len(NEONS))]
        x = (half_width - 0.25 - 0.2 * len(word)) * (1 if (number + (side > 0)) % 2 else -1)
        sign = build_sign(x, float(rng.uniform(3.1, 4.2)), float(rng.uniform(6, 14)), word, neon, rng.uniform(1.0, 2.2))
        bodies += sign[0]
        lights += [sign[1]]
    return bodies, lights


def _light_shop(house: House, half_width: float) -> AreaLight:
    """The light of a house's shop windows on the pavement."""
    side = 1 if house.low[0, 0] > 0 else -1
    start, end = float(house.low[2, 0]), float(house.high[2, 0])
    colour = (0.75 * WARM_PANE + 0.25 * COOL_PANE) * np.float32(0.5 * house.glow)
    middle = (side * half_width, 0.47 * house.shop, (start + end) / 2)
    return AreaLight(middle, (0, 0, side * (end - start) / 2), (0, 0.31 * house.shop, 0), colour)
