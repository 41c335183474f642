"""Line charts as SVG that a page's style colours, light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import frozen
from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 76, 8, 12, 34
MOST = 240  # points of a line; more cannot be seen
COLOURS = 10  # that the style has; a line beyond them is dashed
SMALLEST = 1e-12  # what a logarithmic axis begins at, at the lowest
DECADES = 6  # that a logarithmic axis shows, at most


@frozen
class Line:
    """A named series of points; ``colour`` keeps one thing in one colour on all charts of a page."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    colour: int = 0


@frozen
class Axis:
    """A range of numbers, its marks, and where they lie between 0 and 1."""

    least: float
    most: float
    log: bool

    def place(self, value: float) -> float:
        low, high, at = (self._scaled(one) for one in (self.least, self.most, value))
        return (at - low) / (high - low) if high > low else 0.5

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, SMALLEST)) if self.log else value

    def marks(self) -> list[float]:
        if self.log:
            first, last = math.ceil(math.log10(self.least) - 1e-9), math.floor(math.log10(self.most) + 1e-9)
            found = [10.0**power for power in range(first, last + 1, max(1, (last - first) // 4))]
            return found if len(found) > 1 else [self.least, self.most]
        step = 10 ** math.floor(math.log10(max(self.most - self.least, SMALLEST) / 4))
        step *= next(one for one in (1, 2, 5, 10) if (self.most - self.least) / (one * step) <= 5)
        first = math.ceil(self.least / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.most / step + 1e-9) + 1)]


def chart(title: str, lines: Iterable[Line], x: str, y: str, log: bool = False) -> Markup:
    """A figure with its legend; ``title`` is read out in its place.

    A line is broken where there is no point, where it is not finite, and on a logarithmic axis not above 0.
    """
    shown = [(line, runs) for line in lines if (runs := _runs(line, log))]
    if not shown:
        return Markup('<p class="none">nothing to draw</p>')
    points = [point for _, runs in shown for run in runs for point in run]
    across = Axis(min(p[0] for p in points), max(p[0] for p in points), False)
    up = _vertical([p[1] for p in points], log)
    parts = [*_grid(across, up), *(_path(_style(line), run, across, up) for line, runs in shown for run in runs)]
    parts.append(f'<text class="label" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 4}">{escape(x)}</text>')
    parts.append(f'<text class="label up" transform="translate(11 {HEIGHT / 2:.0f}) rotate(-90)">{escape(y)}</text>')
    items = "".join(f'<li class="{_style(line)}">{escape(line.name)}</li>' for line, _ in shown)
    drawn = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return Markup(f'<figure class="chart">{drawn}<ul class="legend">{items}</ul></figure>')


def _vertical(values: Sequence[float], log: bool) -> Axis:
    least, most = min(values), max(values)
    if log:
        return Axis(max(least, most / 10**DECADES), most if most > least else most * 1.01, True)
    pad = (most - least) * 0.05 or abs(most) * 0.05 or 1.0
    return Axis(least - pad, most + pad, False)


def _runs(line: Line, log: bool) -> list[list[tuple[float, float]]]:
    """The points of a line that follow each other; of many only so many, and both ends."""
    step = max(1, -(-len(line.xs) // (MOST - 1)))
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.xs, line.ys, strict=True):
        if y is not None and math.isfinite(y) and (y > 0 or not log):
            found[-1].append((x, y))
        else:
            found.append([])
    return [[*run[:-1:step], run[-1]] for run in found if run]


def _path(style: str, run: Sequence[tuple[float, float]], across: Axis, up: Axis) -> str:
    points = [(_x(across, x), _y(up, max(y, up.least))) for x, y in run]
    if len(points) == 1:
        return f'<circle class="{style}" cx="{points[0][0]}" cy="{points[0][1]}" r="3"/>'
    return f'<polyline class="{style}" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _grid(across: Axis, up: Axis) -> Iterable[str]:
    for mark in up.marks():
        y = _y(up, mark)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="tick end" x="{LEFT - 5}" y="{y + 3.5:.1f}">{short(mark)}</text>'
    for mark in across.marks():
        yield f'<text class="tick" x="{_x(across, mark)}" y="{HEIGHT - BOTTOM + 15}">{short(mark)}</text>'


def _x(axis: Axis, value: float) -> float:
    return round(LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT), 1)


def _y(axis: Axis, value: float) -> float:
    return round(HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM), 1)


def _style(line: Line) -> str:
    return f"s{line.colour % COLOURS} d{line.colour // COLOURS % 3}"


def short(value: float) -> str:
    """A number in a few characters."""
    if value == 0:
        return "0"
    if 1e3 <= abs(value) < 1e5:
        return f"{value:.0f}"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e3 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
