"""Line charts as SVG that a page's style colours, light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import frozen
from markupsafe import Markup, escape

CHART_WIDTH, CHART_HEIGHT = 640, 240
LEFT_MARGIN, RIGHT_MARGIN, TOP_MARGIN, BOTTOM_MARGIN = 76, 8, 12, 34
MAX_LINE_POINTS = 240  # points of a line; more cannot be seen
COLOUR_COUNT = 10  # that the style has; a line beyond them is dashed
MIN_LOG_VALUE = 1e-12  # what a logarithmic axis begins at, at the lowest
MAX_DECADES = 6  # that a logarithmic axis shows, at most


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

    minimum: float
    maximum: float
    log: bool

    def to_fraction(self, value: float) -> float:
        low, high, at = (self._transform(one) for one in (self.minimum, self.maximum, value))
        return (at - low) / (high - low) if high > low else 0.5

    def _transform(self, value: float) -> float:
        return math.log10(max(value, MIN_LOG_VALUE)) if self.log else value

    def compute_ticks(self) -> list[float]:
        if self.log:
            first, last = math.ceil(math.log10(self.minimum) - 1e-9), math.floor(math.log10(self.maximum) + 1e-9)
            found = [10.0**power for power in range(first, last + 1, max(1, (last - first) // 4))]
            return found if len(found) > 1 else [self.minimum, self.maximum]
        step = 10 ** math.floor(math.log10(max(self.maximum - self.minimum, MIN_LOG_VALUE) / 4))
        step *= next(one for one in (1, 2, 5, 10) if (self.maximum - self.minimum) / (one * step) <= 5)
        first = math.ceil(self.minimum / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.maximum / step + 1e-9) + 1)]


def draw_chart(title: str, lines: Iterable[Line], x_label: str, y_label: str, log: bool = False) -> Markup:
    """A figure with its legend; ``title`` is read out in its place.

    A line is broken where there is no point, where it is not finite, and on a logarithmic axis not above 0.
    """
    shown = [(line, runs) for line in lines if (runs := _split_segments(line, log))]
    if not shown:
        return Markup('<p class="none">nothing to draw</p>')
    points = [point for _, runs in shown for run in runs for point in run]
    across = Axis(min(p[0] for p in points), max(p[0] for p in points), False)
    up = _build_vertical_axis([p[1] for p in points], log)
    parts = [
        *_render_grid(across, up),
        *(_render_segment(_css_class(line), run, across, up) for line, runs in shown for run in runs),
    ]
    parts.append(
        f'<text class="label" x="{(LEFT_MARGIN + CHART_WIDTH - RIGHT_MARGIN) / 2:.0f}" y="{CHART_HEIGHT - 4}">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text class="label up" transform="translate(11 {CHART_HEIGHT / 2:.0f}) rotate(-90)">{escape(y_label)}</text>'
    )
    items = "".join(f'<li class="{_css_class(line)}">{escape(line.name)}</li>' for line, _ in shown)
    drawn = f'<svg viewBox="0 0 {CHART_WIDTH} {CHART_HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return Markup(f'<figure class="chart">{drawn}<ul class="legend">{items}</ul></figure>')


def _build_vertical_axis(values: Sequence[float], log: bool) -> Axis:
    least, most = min(values), max(values)
    if log:
        return Axis(max(least, most / 10**MAX_DECADES), most if most > least else most * 1.01, True)
    pad = (most - least) * 0.05 or abs(most) * 0.05 or 1.0
    return Axis(least - pad, most + pad, False)


def _split_segments(line: Line, log: bool) -> list[list[tuple[float, float]]]:
    """The points of a line that follow each other; of many only so many, and both ends."""
    step = max(1, -(-len(line.xs) // (MAX_LINE_POINTS - 1)))
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.xs, line.ys, strict=True):
        if y is not None and math.isfinite(y) and (y > 0 or not log):
            found[-1].append((x, y))
        else:
            found.append([])
    return [[*run[:-1:step], run[-1]] for run in found if run]


def _render_segment(style: str, segment: Sequence[tuple[float, float]], x_axis: Axis, y_axis: Axis) -> str:
    points = [(_to_pixel_x(x_axis, x), _to_pixel_y(y_axis, max(y, y_axis.minimum))) for x, y in segment]
    if len(points) == 1:
        return f'<circle class="{style}" cx="{points[0][0]}" cy="{points[0][1]}" r="3"/>'
    return f'<polyline class="{style}" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _render_grid(x_axis: Axis, y_axis: Axis) -> Iterable[str]:
    for mark in y_axis.compute_ticks():
        y = _to_pixel_y(y_axis, mark)
        yield f'<line class="grid" x1="{LEFT_MARGIN}" x2="{CHART_WIDTH - RIGHT_MARGIN}" y1="{y}" y2="{y}"/>'
        yield f'<text class="tick end" x="{LEFT_MARGIN - 5}" y="{y + 3.5:.1f}">{format_short_number(mark)}</text>'
    for mark in x_axis.compute_ticks():
        yield f'<text class="tick" x="{_to_pixel_x(x_axis, mark)}" y="{CHART_HEIGHT - BOTTOM_MARGIN + 15}">{format_short_number(mark)}</text>'


def _to_pixel_x(axis: Axis, value: float) -> float:
    return round(LEFT_MARGIN + axis.to_fraction(value) * (CHART_WIDTH - LEFT_MARGIN - RIGHT_MARGIN), 1)


def _to_pixel_y(axis: Axis, value: float) -> float:
    return round(
        CHART_HEIGHT - BOTTOM_MARGIN - axis.to_fraction(value) * (CHART_HEIGHT - TOP_MARGIN - BOTTOM_MARGIN), 1
    )


def _css_class(line: Line) -> str:
    return f"s{line.colour % COLOUR_COUNT} d{line.colour // COLOUR_COUNT % 3}"


def format_short_number(value: float) -> str:
    """A number in a few characters."""
    if value == 0:
        return "0"
    if 1e3 <= abs(value) < 1e5:
        return f"{value:.0f}"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e3 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
