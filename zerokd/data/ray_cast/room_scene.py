"""Rooms: lit by lamps in the evening, or by a window that somebody stands before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zerokd.data.ray_cast.bodies import Bodies, Body
from zerokd.data.ray_cast.figure import build_figure
from zerokd.data.ray_cast.furniture import (
    FABRICS,
    WOODS,
    build_bookcase,
    build_chair,
    build_cushion,
    build_floor_lamp,
    build_frame,
    build_pendant,
    build_plant,
    build_sofa,
    build_stack,
    build_table,
    build_table_lamp,
    build_vase,
)
from zerokd.data.ray_cast.lights import AreaLight, Lamp, Light, Sun, warm
from zerokd.data.ray_cast.renderer import Camera, Scene
from zerokd.data.ray_cast.room_shell import AXES, BACK, CEILING, FLOOR, FRONT, LEFT, RIGHT, Outlook, RoomShell, Window
from zerokd.data.ray_cast.shapes import Array, to_column
from zerokd.data.ray_cast.textures import Texture, bricks, plaster, rug, tiles, wood

WALLS = ((0.62, 0.58, 0.50), (0.42, 0.47, 0.45), (0.30, 0.36, 0.40), (0.55, 0.42, 0.32), (0.66, 0.65, 0.62),
         (0.36, 0.17, 0.13))  # fmt: skip
PARTY_COLOURS = ((1.0, 0.15, 0.1), (0.15, 0.3, 1.0), (0.9, 0.15, 0.8), (0.15, 0.9, 0.4), (1.0, 0.5, 0.08))
MEAN_REFLECTANCE = 0.38  # of a room's surfaces, which decides how much light they pass on
Size = tuple[float, float, float]  # width, height, depth


def build_lamp_room(rng: np.random.Generator) -> Scene:
    """A room in the evening: one to three lamps, white or coloured, perhaps a window to a town at night."""
    size = _draw_size(rng)
    camera = _draw_camera(rng, size)
    windows = []
    if rng.random() < 0.6:
        night = Outlook((0.02, 0.022, 0.035), (0.004, 0.007, 0.018), (0.003, 0.003, 0.005), 0.5, int(rng.integers(99)))
        windows = [_draw_window(rng, size, LEFT if rng.random() < 0.7 else BACK, night)]
    bodies, lights = _furnish(rng, size, has_free_wall=all(window.face != BACK for window in windows))
    lights += [_light_window(window, size, to_column((0.006, 0.009, 0.02))) for window in windows]
    if rng.random() < 0.35:
        bodies += build_figure(rng, rng.uniform(-0.6, 0.6), rng.uniform(1.7, 2.4), rng.uniform(-2.0, 2.0))
    return _assemble(rng, size, camera, bodies, lights, windows)


def build_back_lit_room(rng: np.random.Generator) -> Scene:
    """Somebody before a window by day: the room is far darker than the sky."""
    size = _draw_size(rng)
    width, _, depth = size
    camera = _draw_camera(rng, size)
    bright = float(rng.uniform(3, 7))
    tint = np.array((1.0, 1.0 - 0.2 * rng.random() ** 2, 1.0 - 0.35 * rng.random() ** 2))
    horizon, zenith = bright * np.array((1.0, 0.98, 0.94)) * tint, bright * np.array((0.42, 0.62, 1.0)) * tint
    day = Outlook(horizon, zenith, bright * np.array((0.035, 0.05, 0.025)), 0.0, int(rng.integers(99)))
    window = _draw_window(rng, size, BACK, day)
    windows = [window]
    lights: list[Light] = [_light_window(window, size, to_column(0.75 * horizon + 0.25 * zenith))]
    if rng.random() < 0.5:
        side = _draw_window(rng, size, LEFT, day)
        windows.append(side)
        lights += [_light_window(side, size, to_column(0.75 * horizon + 0.25 * zenith)),
                   _draw_sun(rng, size, side, bright)]  # fmt: skip
    middle, z = (window.low[0] + window.high[0]) / 2, float(rng.uniform(1.45, 1.9))
    eye = float(camera.position[0, 0])
    x = eye + (middle - eye) * (z - 0.15) / (depth - 0.15) + float(rng.uniform(-0.2, 0.2))  # before the window
    bodies = build_figure(rng, x, z, float(rng.choice((-1, 1))) * float(rng.uniform(0.2, 2.6)))
    bodies += build_plant(rng, width / 2 - 0.4, depth - 0.4)
    bodies += [build_table(-width / 2 + 0.6, depth - 0.45, 0.9, 0.5, WOODS[rng.integers(len(WOODS))])]
    bodies += [build_vase(-width / 2 + 0.5, 0.76, depth - 0.45, FABRICS[rng.integers(len(FABRICS))], 1.2)]
    bodies += [build_chair(middle + 0.9, depth - 0.9, rng.uniform(-0.6, 0.6), WOODS[rng.integers(len(WOODS))])]
    return _assemble(rng, size, camera, bodies, lights, windows)


def _draw_sun(rng: np.random.Generator, size: Size, window: Window, bright: float) -> Sun:
    """Sunlight through a window of the left wall."""
    towards = (-1.0, float(rng.uniform(0.6, 0.9)), float(rng.uniform(-0.3, 0.5)))
    openings = tuple((low_v, high_v, low_u, high_u) for low_u, high_u, low_v, high_v in window.find_openings())
    return Sun(towards, bright * rng.uniform(2, 4) * np.array((1.0, 0.9, 0.72)), AXES[LEFT], -size[0] / 2, openings)


def _draw_camera(rng: np.random.Generator, size: Size) -> Camera:
    eye = (float(rng.uniform(-0.5, 0.5)), float(rng.uniform(1.3, 1.6)), 0.15)
    target = (float(rng.uniform(-0.35, 0.35)), float(rng.uniform(1.15, 1.3)), size[2])
    return Camera(eye, target, float(rng.uniform(50, 60)))


def _draw_size(rng: np.random.Generator) -> Size:
    width, height, depth = rng.uniform((3.4, 2.45, 3.8), (4.8, 2.9, 5.2))
    return float(width), float(height), float(depth)


def _draw_window(rng: np.random.Generator, size: Size, face: int, outlook: Outlook) -> Window:
    _, height, depth = size
    half, top = rng.uniform(0.65, 1.05), height - rng.uniform(0.2, 0.4)
    middle = rng.uniform(-0.35, 0.35) if face == BACK else depth - rng.uniform(1.2, 1.7)
    panes = (int(rng.integers(2, 4)), int(rng.integers(1, 3)))
    low = (float(middle - half), float(rng.uniform(0.75, 0.95)))
    return Window(face, low, (float(middle + half), float(top)), outlook, panes)


def _light_window(window: Window, size: Size, radiance: Array) -> AreaLight:
    """The light that a window lets in; its frame holds back a quarter."""
    width, _, depth = size
    (low_u, low_v), (high_u, high_v) = window.low, window.high
    middle, half, high = (low_u + high_u) / 2, (high_u - low_u) / 2, (high_v - low_v) / 2
    upward = (0, high, 0)
    if window.face == BACK:
        return AreaLight((middle, (low_v + high_v) / 2, depth), (-half, 0, 0), upward, 0.75 * radiance)
    return AreaLight((-width / 2, (low_v + high_v) / 2, middle), (0, 0, -half), upward, 0.75 * radiance)


def _furnish(rng: np.random.Generator, size: Size, has_free_wall: bool) -> tuple[list[Body], list[Light]]:
    """What stands along the back wall and in the corners, and the lamps."""
    width, height, depth = size
    bodies: list[Body] = []
    lights: list[Light] = []
    timber, cloth = WOODS[rng.integers(len(WOODS))], FABRICS[rng.integers(len(FABRICS))]
    side = 1 if rng.random() < 0.5 else -1
    colour, other = _draw_lamp_colours(rng)
    is_coloured = not np.allclose(colour, other)
    if rng.random() < 0.6:
        x = side * rng.uniform(0.1, 0.4)
        bodies += [build_sofa(x, depth - 0.55, 0.0, cloth)]
        for offset in (-0.5, 0.45):
            cover = FABRICS[rng.integers(len(FABRICS))]
            bodies += [build_cushion(x + offset, 0.62, depth - 0.52, 0.3 * offset, cover, 1 + int(offset > 0))]
        frame = build_frame(rng, x, 1.55, depth - 0.02, 0.8, 0.55)
        bodies += [build_table(x, depth - 1.7, 0.9, 0.5, timber, 0.4), *build_stack(x - 0.2, 0.42, depth - 1.7, rng)]
        bodies += [build_vase(x + 0.2, 0.42, depth - 1.65, FABRICS[rng.integers(len(FABRICS))], 0.8)]
        lamp = build_floor_lamp(side * (width / 2 - 0.4), depth - 0.5, 1.6 * colour)
    else:
        x = side * (width / 2 - 0.75)
        bodies += [build_table(x, depth - 0.4, 1.2, 0.6, timber), *build_stack(x - 0.4, 0.76, depth - 0.4, rng)]
        bodies += [build_vase(x - 0.12, 0.76, depth - 0.32, FABRICS[rng.integers(len(FABRICS))])]
        bodies += [build_chair(x - side * 0.1, depth - 0.95, 2.8, timber)]
        frame = build_frame(rng, x - 0.2, 1.6, depth - 0.02, 0.5, 0.65)
        lamp = build_table_lamp(x + 0.3, 0.76, depth - 0.4, colour)
    bodies += [*lamp[0], *([frame] if has_free_wall else [])]
    lights += [lamp[1]]
    high = float(rng.uniform(1.5, 2.0))
    bodies += build_bookcase(-side * (width / 2 - 0.55), depth - 0.17, 0.0, 0.9, high, timber, int(rng.integers(99)))
    if rng.random() < 0.7:
        bodies += build_plant(rng, -side * (width / 2 - 0.4), depth - 1.3, rng.uniform(0.7, 1.0))
    if rng.random() < 0.3 or is_coloured:
        pendant = build_pendant(0.3 * side, height - 0.7, depth - 2.0, height, 0.6 * other)
        bodies += pendant[0]
        lights += [pendant[1]]
    return bodies, lights


def _draw_lamp_colours(rng: np.random.Generator) -> tuple[Array, Array]:
    """The radiant intensities of two lamps: bulbs of one warmth, or coloured lights."""
    power, warmth = rng.uniform(0.7, 1.4), rng.uniform(0.8, 1.4)
    if rng.random() < 0.12:
        first, second = rng.permutation(len(PARTY_COLOURS))[:2]
        return power * np.array(PARTY_COLOURS[first]), 1.5 * power * np.array(PARTY_COLOURS[second])
    return np.array(warm(power, warmth)), np.array(warm(power, warmth))


def _draw_textures(rng: np.random.Generator) -> dict[int, Texture]:
    salt = int(rng.integers(99))
    wall = plaster(WALLS[rng.integers(len(WALLS) - 1)], 1.0, salt)
    back = bricks(WALLS[-1], salt=salt) if rng.random() < 0.25 else wall
    floor = wood(WOODS[rng.integers(len(WOODS))], salt=salt)
    if rng.random() < 0.25:
        floor = tiles((0.5, 0.48, 0.44), (0.12, 0.11, 0.1), salt=salt)
    return {LEFT: wall, RIGHT: wall, FRONT: wall, BACK: back, FLOOR: floor, CEILING: plaster((0.7, 0.69, 0.67), 0.6)}


def _assemble(
    rng: np.random.Generator, size: Size, camera: Camera, bodies: Sequence[Body], lights: Sequence[Light],
    windows: Sequence[Window],
) -> Scene:  # fmt: skip
    width, height, depth = size
    low, high = (-width / 2, 0, 0), (width / 2, height, depth)
    carpet = None
    if rng.random() < 0.5:
        ground, border = rng.permutation(len(FABRICS))[:2]
        carpet = rug(FABRICS[ground], FABRICS[border], (1.0, 0.75), int(rng.integers(99)))
    shell = RoomShell(
        low, high, _draw_textures(rng), windows, rng.choice((0.0, 0.03, 0.05)), carpet, carpet_middle=depth - 1.7
    )
    return Scene(shell, Bodies(bodies), lights, camera, bounce_light(size, lights))


def bounce_light(size: Size, lights: Sequence[Light]) -> Array:
    """The irradiance (3, 1) that a room's surfaces pass on: flux x reflectance / (area x (1 - reflectance)).

    Source: the integrating sphere, Ulbricht 1900.
    """
    width, height, depth = size
    area = 2 * (width * height + width * depth + height * depth)
    flux = np.zeros((3, 1), np.float32)
    for light in lights:
        if isinstance(light, Lamp):
            beam = light.side + (1 - light.side) * ((1 - light.down) + (1 - light.up)) / 2
            flux += light.intensity * np.float32(4 * np.pi * beam)
        if isinstance(light, AreaLight):
            half = np.linalg.norm(light.across) * np.linalg.norm(light.upward)
            flux += light.radiance * np.float32(np.pi * 4 * half)
        if isinstance(light, Sun):
            flux += light.irradiance * sum((b - a) * (d - c) for a, b, c, d in light.openings) * np.float32(0.6)
    tint = to_column((1.05, 1.0, 0.92))  # of surfaces, on average
    return flux * tint * np.float32(MEAN_REFLECTANCE / (area * (1 - MEAN_REFLECTANCE)))
