"""Dead-leaves scenes in linear light: opaque shapes of all sizes that occlude one another, unevenly lit."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
KEY_LUMINANCE = 0.25  # log-average luminance of a scene, which is then well lit without exposure compensation
MAX_LEAF_RADIUS = 0.5  # as a share of the side of the image
LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)
# linear reflectances: leaf, grass, earth, sand, stone, plaster, brick, skin, wood, asphalt, water, red, yellow, blue
PALETTE = np.array(
    [
        [0.05, 0.08, 0.03], [0.12, 0.15, 0.06], [0.18, 0.13, 0.09], [0.45, 0.37, 0.28], [0.25, 0.24, 0.22],
        [0.72, 0.70, 0.65], [0.27, 0.13, 0.10], [0.45, 0.30, 0.23], [0.20, 0.13, 0.08], [0.07, 0.07, 0.075],
        [0.08, 0.11, 0.14], [0.35, 0.06, 0.05], [0.55, 0.42, 0.12], [0.09, 0.15, 0.33],
    ],
    np.float32,
)  # fmt: skip
PALETTE_PROBABILITIES = np.array([3.0] * 11 + [1.0] * 3) / 36  # vivid colours are rare


def render_leaf_scene(rng: np.random.Generator, size: int) -> Array:
    """A scene (size, size, 3), float32, in linear light: noiseless, above 0, with log-average luminance 0.25."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, size, dtype=np.float32)] * 2, indexing="ij")
    anchors = rng.choice(PALETTE, rng.integers(3, 7), replace=False, p=PALETTE_PROBABILITIES)
    outdoors = rng.random() < 0.5
    image = _render_sky(rng, y) if outdoors else _render_wall(rng, anchors, y, x)
    grain = _render_grain(rng, size)
    radii = sample_leaf_radii(
        rng, min_radius=np.exp(rng.uniform(np.log(0.008), np.log(0.03))), coverage=rng.uniform(0.7, 3)
    )
    centres = rng.random((len(radii), 2)) ** (0.5 if outdoors else 1.0, 1.0)  # outdoors most leaves are below the sky
    forms = rng.random((len(radii), 5))
    for leaf in zip(centres * size, radii * size, _sample_leaf_colours(rng, anchors, centres), forms, strict=True):
        _paint_leaf(image, grain, *leaf)
    image *= _render_illumination(rng, y, x)[..., None]
    if rng.random() < 0.3:
        _add_lamps(rng, image, y, x)
    return image * np.float32(KEY_LUMINANCE / np.exp(np.log(image @ LUMINANCE_WEIGHTS + 1e-4).mean()))


def sample_leaf_radii(rng: np.random.Generator, min_radius: float, coverage: float) -> Array:
    """Radii of density r^-3, from ``min_radius`` to 0.5: every octave covers the same area, so no scale stands out.

    On average the disks of these radii have ``coverage`` times the area of the image.
    """
    count = round(coverage / (2 * np.pi * min_radius**2 * np.log(MAX_LEAF_RADIUS / min_radius)))
    return (min_radius**-2 - rng.random(count) * (min_radius**-2 - MAX_LEAF_RADIUS**-2)) ** -0.5


def _sample_leaf_colours(rng: np.random.Generator, anchors: Array, centres: Array) -> Array:
    """One colour per leaf. Each anchor colour has a position, near which most leaves have a variation of it."""
    positions, count = rng.random((len(anchors), 2)), len(centres)
    distance = np.linalg.norm(centres[:, None] - positions, axis=2) + 0.15 * rng.gumbel(size=(count, len(anchors)))
    variation = 0.4 * rng.standard_normal((count, 1)) + 0.08 * rng.standard_normal((count, 3))
    return np.clip(anchors[distance.argmin(1)] * np.exp(variation), 0.02, 0.9).astype(np.float32)


def _paint_leaf(
    image: Array, grain: Array, centre: Array, radius: float, colour: Array, shape_parameters: Array
) -> None:
    """Put one opaque disk, ellipse or rectangle with a pixel-wide soft edge into the image."""
    kind, stretch, turn, shade, texture = shape_parameters.astype(np.float32)
    squash = 0.25 + 0.75 * stretch if kind > 0.5 else np.float32(1)
    reach = radius * (1.5 if kind > 0.75 else 1.0) + 1
    (top, bottom), (left, right) = (
        [int(min(max(end, 0), len(image))) for end in (middle - reach, middle + reach + 1)] for middle in centre
    )
    dy = (np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(centre[0])) / np.float32(radius)
    dx = (np.arange(left, right, dtype=np.float32) - np.float32(centre[1])) / np.float32(radius)
    sin, cos = np.sin(2 * np.float32(np.pi) * turn), np.cos(2 * np.float32(np.pi) * turn)
    u, v = cos * dx + sin * dy, (cos * dy - sin * dx) / squash
    away = np.maximum(np.abs(u), np.abs(v)) if kind > 0.75 else np.sqrt(u * u + v * v)
    cover = np.minimum(np.maximum((1 - away) * (np.float32(radius) * squash) + 0.5, 0), 1)
    light = (1 + 0.5 * shade * u) * np.exp(0.5 * texture * grain[top:bottom, left:right])
    patch = image[top:bottom, left:right]
    patch += cover[..., None] * (colour * np.maximum(light, 0.1)[..., None] - patch)


def _render_grain(rng: np.random.Generator, size: int) -> Array:
    """Noise of unit variance with a 1/f amplitude, the texture of all leaves."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) / frequency, (size, size))
    return (field / field.std()).astype(np.float32)


def _render_sky(rng: np.random.Generator, y: Array) -> Array:
    zenith, horizon = np.array([[0.30, 0.42, 0.65], [0.85, 0.80, 0.75]], np.float32)
    zenith = zenith + np.float32(rng.random()) * (np.float32(0.6) - zenith)  # blue to overcast
    return (zenith + (horizon - zenith) * (0.5 + 0.5 * y[..., None])) * np.float32(np.exp(rng.uniform(-0.7, 0.9)))


def _render_wall(rng: np.random.Generator, anchors: Array, y: Array, x: Array) -> Array:
    down, across = rng.uniform(-0.3, 0.3, 2).astype(np.float32)
    return rng.choice(anchors) * (1 + down * y + across * x)[..., None]


def _render_illumination(rng: np.random.Generator, y: Array, x: Array) -> Array:
    """Smooth falloff to the sides, and in half of the scenes a soft-edged shadow."""
    down, across = 0.4 * rng.standard_normal(2, np.float32)
    light = np.exp(down * y + across * x - np.float32(rng.uniform(0, 0.3)) * (x * x + y * y))
    if rng.random() < 0.5:
        turn, offset, softness = rng.uniform((0, -0.6, 0.005), (2 * np.pi, 0.6, 0.08)).astype(np.float32)
        position = (np.cos(turn) * x + np.sin(turn) * y - offset) / softness
        light *= 1 - np.float32(rng.uniform(0.4, 0.9)) / (1 + np.exp(-np.clip(position, -30, 30)))
    return light


def _add_lamps(rng: np.random.Generator, image: Array, y: Array, x: Array) -> None:
    """Small light sources that light their surroundings and are visible, far brighter than the rest."""
    for _ in range(rng.integers(1, 5)):
        row, column, radius = rng.uniform((-0.9, -0.9, 0.02), (0.9, 0.9, 0.08)).astype(np.float32)
        power, glare, warmth = rng.uniform((1, 2, 0), (6, 8, 1.5)).astype(np.float32)
        hue, away = np.array([1.0, 0.85, 0.6], np.float32) ** warmth, np.hypot(y - row, x - column)[..., None]
        image *= 1 + power * hue / (1 + (away / (4 * radius)) ** 2)
        image += glare * hue * np.clip((radius - away) * np.float32(len(image) / 2) + 0.5, 0, 1)
