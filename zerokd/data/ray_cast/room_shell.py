"""A room without its furniture: a box with surfaces, windows in deep openings, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import field, frozen

from zerokd.data.ray_cast.bodies import intersect_box
from zerokd.data.ray_cast.renderer import Surface
from zerokd.data.ray_cast.shapes import Array, to_column
from zerokd.data.ray_cast.textures import Texture, cover_interval, hash_cells, mix, sample_noise

LEFT, RIGHT, FLOOR, CEILING, FRONT, BACK = range(6)
AXES = (0, 0, 1, 1, 2, 2)
PLANE_AXES = ((2, 1), (0, 2), (0, 1))  # of a plane's u and v, by its normal axis
WINDOW_LABEL, LABELS_PER_WINDOW = 10, 8
PANE = 7  # of a window's labels; the others are the faces of its opening
SKIRTING_HEIGHT = 0.09
FRAME_COLOUR, REVEAL_COLOUR = to_column((0.72, 0.71, 0.68)), to_column((0.7, 0.69, 0.66))


@frozen(eq=False)
class Outlook:
    """The world outside: a sky from horizon to zenith, and a skyline of trees or of houses with lit windows."""

    horizon: Array = field(converter=to_column)
    zenith: Array = field(converter=to_column)
    ground: Array = field(converter=to_column)
    city: float = 0.0  # radiance of lit windows; 0: trees
    salt: int = 0

    def look(self, direction: Array, footprint: Array) -> Array:
        """The radiance (3, N) from directions; ``footprint`` is an angle."""
        azimuth = np.arctan2(direction[0], direction[2])
        elevation = np.arctan2(direction[1], np.hypot(direction[0], direction[2]))
        clouds = sample_noise(30 * azimuth + 9 * self.salt, 90 * elevation, 40 * footprint)
        share = np.clip(elevation / 0.9, 0, 1) ** np.float32(0.6)
        sky = mix(self.horizon, self.zenith, share) * np.exp(np.float32(0.1) * clouds)
        if self.city:
            return self._add_houses(sky, azimuth, elevation, footprint)
        leaves = sample_noise(80 * azimuth + 50 * self.salt, 80 * elevation, 80 * footprint)
        crowns = sample_noise(14 * azimuth, 0 * azimuth + self.salt, 0.5)
        top = 0.05 + 0.045 * crowns + 0.012 * leaves
        trees = self.ground * np.exp(np.float32(0.45) * leaves)
        return mix(sky, trees, np.clip((top - elevation) / np.maximum(footprint, 0.004) + 0.5, 0, 1))

    def _add_houses(self, sky: Array, azimuth: Array, elevation: Array, footprint: Array) -> Array:
        block = np.floor(azimuth / 0.09)
        top = 0.02 + 0.2 * hash_cells(block, block, self.salt)
        column, row = np.floor(azimuth / 0.011), np.floor(elevation / 0.016)
        pick = hash_cells(column, row, self.salt + 1)
        is_lit = pick > 0.78
        pane = cover_interval(azimuth / 0.011 - column, 0.2, 0.8, footprint / 0.011)
        pane = pane * cover_interval(elevation / 0.016 - row, 0.25, 0.8, footprint / 0.016)
        colour = mix(to_column((1.0, 0.62, 0.28)), to_column((0.8, 0.9, 1.0)), (pick > 0.93).astype(np.float32))
        houses = self.ground + colour * (
            np.float32(self.city) * pane * is_lit * hash_cells(column, row, self.salt + 2) ** 2
        )
        return mix(sky, houses, np.clip((top - elevation) / np.maximum(footprint, 0.002) + 0.5, 0, 1))


@frozen(eq=False)
class Window:
    """An opening in a wall from ``low`` to ``high``, (u, v), with a frame of ``panes`` = (columns, rows)."""

    face: int
    low: tuple[float, float]
    high: tuple[float, float]
    outlook: Outlook
    panes: tuple[int, int] = (2, 1)
    depth: float = 0.2

    def cover_frame(self, u: Array, v: Array, footprint: Array) -> Array:
        """The share (N,) of a pixel that the frame covers."""
        covered = np.zeros_like(u)
        for x, low, high, count in zip((u, v), self.low, self.high, self.panes, strict=True):
            for bar in range(count + 1):
                middle, half = low + (high - low) * bar / count, 0.06 if bar in (0, count) else 0.028
                covered = np.maximum(covered, cover_interval(x, middle - half, middle + half, footprint))
        return covered

    def find_openings(self) -> tuple[tuple[float, float, float, float], ...]:
        """The panes between the bars: (low u, high u, low v, high v)."""
        (low_u, low_v), (high_u, high_v), (columns, rows) = self.low, self.high, self.panes
        wide, high = (high_u - low_u) / columns, (high_v - low_v) / rows
        return tuple(
            (low_u + i * wide + 0.04, low_u + (i + 1) * wide - 0.04, low_v + j * high + 0.04,
             low_v + (j + 1) * high - 0.04)
            for i in range(columns)
            for j in range(rows)
        )  # fmt: skip


@frozen(eq=False)
class RoomShell:
    """A room from ``low`` to ``high``; ``textures`` by face, ``gloss`` that of the floor.

    ``carpet`` lies on the floor around (0, ``carpet_middle``), twice ``carpet_half`` large.
    """

    low: Array = field(converter=to_column)
    high: Array = field(converter=to_column)
    textures: Mapping[int, Texture]
    windows: Sequence[Window] = ()
    gloss: float = field(default=0.0, converter=float)
    carpet: Texture | None = None
    carpet_middle: float = field(default=0.0, converter=float)
    carpet_half: tuple[float, float] = (1.0, 0.75)

    def intersect(self, origin: Array, direction: Array) -> tuple[Array, Array]:
        travelled, labels = leave_box(self.low, self.high, origin, direction)
        for number, window in enumerate(self.windows):
            points = origin + direction * travelled
            u, v = (points[axis] for axis in PLANE_AXES[AXES[window.face]])
            inside = (u > window.low[0]) & (u < window.high[0]) & (v > window.low[1]) & (v < window.high[1])
            passing = np.flatnonzero((labels == window.face) & inside)
            if len(passing):
                low, high = self._bound_opening(window)
                start = np.broadcast_to(origin, direction.shape)[:, passing]
                travelled[passing], face = leave_box(low, high, start, direction[:, passing])
                base = WINDOW_LABEL + LABELS_PER_WINDOW * number
                labels[passing] = base + np.where(face == window.face, PANE, face)
        return travelled, labels

    def _bound_opening(self, window: Window) -> tuple[Array, Array]:
        axis, outwards = AXES[window.face], 1 if window.face % 2 else -1
        low, high = self.low.copy(), self.high.copy()
        for number, plane_axis in enumerate(PLANE_AXES[axis]):
            low[plane_axis], high[plane_axis] = window.low[number], window.high[number]
        corner = high if outwards > 0 else low
        corner[axis] += outwards * window.depth
        return low, high

    def describe(self, points: Array, direction: Array, labels: Array, footprint: Array) -> Surface:
        count = len(labels)
        surface = Surface.create_black(count)
        for label in np.unique(labels):
            chosen = np.flatnonzero(labels == label)
            number, part = divmod(label - WINDOW_LABEL, LABELS_PER_WINDOW)
            face = label if label < WINDOW_LABEL else self.windows[number].face if part == PANE else part
            axis = AXES[face]
            surface.normals[axis, chosen] = -1 if face % 2 else 1
            u, v = (points[plane_axis, chosen] for plane_axis in PLANE_AXES[axis])
            slant = np.maximum(np.abs(direction[axis, chosen]), 0.08)
            wide = footprint[chosen] / np.sqrt(slant)
            if label < WINDOW_LABEL:
                surface.colour[:, chosen] = self._paint_face(face, u, v, wide)
                if face == FLOOR:
                    surface.gloss[chosen] = self.gloss
                    self._lay_carpet(surface, chosen, u, v - np.float32(self.carpet_middle), wide)
            elif part == PANE:
                window = self.windows[number]
                frame = window.cover_frame(u, v, wide)
                surface.colour[:, chosen] = FRAME_COLOUR * frame
                angle = footprint[chosen] / np.maximum(np.abs(points[2, chosen]) + 1, 1)
                surface.glow[:, chosen] = window.outlook.look(direction[:, chosen], angle) * (1 - frame)
                surface.gloss[chosen] = np.float32(0.04) * (frame < 0.5)
            else:
                surface.colour[:, chosen] = REVEAL_COLOUR
        return surface

    def _paint_face(self, face: int, u: Array, v: Array, footprint: Array) -> Array:
        colour = self.textures[face](u, v, footprint)
        if face in (FLOOR, CEILING):
            return colour
        board = cover_interval(v, -1.0, SKIRTING_HEIGHT, footprint)
        line = cover_interval(v, SKIRTING_HEIGHT, SKIRTING_HEIGHT + 0.012, footprint)
        return mix(colour, FRAME_COLOUR, board) * (1 - np.float32(0.5) * line)

    def _lay_carpet(self, surface: Surface, floor: Array, u: Array, v: Array, footprint: Array) -> None:
        if self.carpet is not None:
            covered = np.flatnonzero((np.abs(u) < self.carpet_half[0]) & (np.abs(v) < self.carpet_half[1]))
            surface.colour[:, floor[covered]] = self.carpet(u[covered], v[covered], footprint[covered])
            surface.gloss[floor[covered]] = 0

    def occlude(self, points: Array, normals: Array) -> Array:
        share = np.ones(points.shape[1], np.float32)
        for axis in range(3):
            for distance in (points[axis] - self.low[axis], self.high[axis] - points[axis]):
                aside = 1 - np.abs(normals[axis])  # a wall does not hide the light from itself
                share *= 1 - np.float32(0.45) * aside * np.exp(-np.abs(distance) / np.float32(0.35))
        return share


def leave_box(low: Array, high: Array, origin: Array, direction: Array) -> tuple[Array, Array]:
    """The distances (N,) at which rays from inside leave a box, and the face, 2 * axis + side."""
    _, travelled = intersect_box(low, high, origin, direction)
    with np.errstate(divide="ignore", invalid="ignore"):
        exits = np.maximum((low - origin) / direction, (high - origin) / direction)
    axis = exits.argmin(0)
    ahead = np.take_along_axis(direction, axis[None], 0)[0] > 0
    return travelled, 2 * axis + ahead
