"""Charts as SVG: figures for pages, which style them light or dark, and files that stand alone."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from attrs import frozen
from markupsafe import Markup, escape

CHART_WIDTH, CHART_HEIGHT = 640, 240
LEFT_MARGIN, RIGHT_MARGIN, TOP_MARGIN, BOTTOM_MARGIN = 76, 8, 12, 34
TITLE_HEIGHT, LEGEND_ROW_HEIGHT, LEGEND_COLUMNS = 30, 22, 2  # of a chart in a file
MAX_LINE_POINTS = 240  # more points of a line look the same
COLOUR_COUNT = 10  # further lines are dashed, then dotted
MIN_LOG_VALUE = 1e-12  # the lowest possible start of a logarithmic axis
MAX_DECADES = 6  # of a logarithmic axis
GAP_FACTOR = 1.5  # a step longer than this many usual ones is a gap

LIGHT = {
    "card": "#ffffff", "ink": "#1d2126", "soft": "#59616b", "line": "#dcdfe3",
    "c0": "#1f2328", "c1": "#0b62a8", "c2": "#b3480b", "c3": "#23783a", "c4": "#8a2fa3",
    "c5": "#a8790a", "c6": "#0d7f86", "c7": "#b3225f", "c8": "#5a6b12", "c9": "#6a5a4d",
}  # fmt: skip
DARK = {
    "card": "#1c2024", "ink": "#e8eaec", "soft": "#a3abb4", "line": "#363c43",
    "c0": "#e8eaec", "c1": "#6cb6f2", "c2": "#f09a5c", "c3": "#74c98a", "c4": "#d190e6",
    "c5": "#e2be57", "c6": "#62cdd3", "c7": "#f285b1", "c8": "#b9cb63", "c9": "#c9b7a6",
}  # fmt: skip
COLOUR_RULES = "\n".join(
    [
        ".chart .grid { stroke: var(--line); stroke-width: 1; }",
        ".chart text { fill: var(--soft); }",
        *(f".s{n} {{ stroke: var(--c{n}); }} circle.s{n} {{ fill: var(--c{n}); }}" for n in range(COLOUR_COUNT)),
    ]
)
SHAPE_RULES = """.chart polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.chart text { font: 12px system-ui, sans-serif; text-anchor: middle; }
.chart .start { text-anchor: start; }
.chart .end { text-anchor: end; }
@media (max-width: 600px) { .chart text { font-size: 17px; } }
.chart .d1 { stroke-dasharray: 6 4; } .chart .d2 { stroke-dasharray: 2 4; }"""
FILE_RULES = """svg { background: var(--card); }
.chart .title { fill: var(--ink); font-weight: 600; } .chart .name { fill: var(--ink); }"""


@frozen
class Line:
    """A named series of points. A thing keeps its ``colour`` on all charts of a page."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    colour: int = 0


@frozen
class Panel:
    """What a chart shows: lines over a linear x axis and a linear or logarithmic y axis."""

    title: str
    lines: Sequence[Line]
    x_label: str
    y_label: str
    log: bool = False


@frozen
class Axis:
    """A range of numbers, its ticks, and their positions between 0 and 1. An ``integer`` axis has whole ticks only."""

    minimum: float
    maximum: float
    log: bool = False
    integer: bool = False

    def to_fraction(self, value: float) -> float:
        low, high, position = (self._transform(number) for number in (self.minimum, self.maximum, value))
        return (position - low) / (high - low) if high > low else 0.5

    def _transform(self, value: float) -> float:
        return math.log10(max(value, MIN_LOG_VALUE)) if self.log else value

    def compute_ticks(self) -> list[float]:
        if self.log:
            first, last = math.ceil(math.log10(self.minimum) - 1e-9), math.floor(math.log10(self.maximum) + 1e-9)
            ticks = [10.0**power for power in range(first, last + 1, max(1, (last - first) // 4))]
            return ticks if len(ticks) > 1 else [self.minimum, self.maximum]
        span = self.maximum - self.minimum
        step = 10 ** math.floor(math.log10(max(span, MIN_LOG_VALUE) / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if span / (factor * step) <= 5)
        step = max(step, 1) if self.integer else step
        first = math.ceil(self.minimum / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.maximum / step + 1e-9) + 1)]


def draw_chart(title: str, lines: Iterable[Line], x_label: str, y_label: str, log: bool = False) -> Markup:
    """A figure for a page, with its legend; screen readers read ``title`` in its place.

    A line has a gap at each missing or non-finite point, and on a logarithmic axis at each point that is not above 0.
    """
    panel = Panel(title, tuple(lines), x_label, y_label, log)
    shapes, legend = _render_panel(panel)
    if not legend:
        return Markup('<p class="none">nothing to draw</p>')
    items = "".join(f'<li class="{_css_class(line)}">{escape(line.name)}</li>' for line in legend)
    return render_figure(CHART_WIDTH, CHART_HEIGHT, title, shapes, Markup(f'<ul class="legend">{items}</ul>'))


def draw_chart_file(panels: Iterable[Panel], follows_viewer: bool = True) -> str:
    """An SVG file of charts, one below the other, each with its title and legend: light or dark as the viewer is, or
    always light, as paper is."""
    parts, top, titles = [], 0, []
    for panel in panels:
        shapes, legend = _render_panel(panel)
        titles.append(panel.title)
        title = render_text(CHART_WIDTH / 2, 20, panel.title, "title")
        names = "".join(_render_legend_entry(line, number) for number, line in enumerate(legend))
        parts.append(f'<g transform="translate(0 {top})">{title}')
        parts.append(f'<g transform="translate(0 {TITLE_HEIGHT})">{"".join(shapes)}{names}</g></g>')
        top += TITLE_HEIGHT + CHART_HEIGHT + LEGEND_ROW_HEIGHT * (1 + -(-len(legend) // LEGEND_COLUMNS))
    rules = f"{COLOUR_RULES}\n{FILE_RULES}"
    dark = f"@media (prefers-color-scheme: dark) {{\n{_resolve_colours(rules, DARK)}\n}}"
    style = "\n".join(
        ["<style>", _resolve_colours(rules, LIGHT), SHAPE_RULES, *([dark] if follows_viewer else []), "</style>"]
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CHART_WIDTH} {top}" class="chart" role="img"'
    return f'{head} aria-label="{escape("; ".join(titles))}">\n{style}\n{"".join(parts)}\n</svg>\n'


def render_figure(width: float, height: float, title: str, shapes: Iterable[str], below: Markup | str = "") -> Markup:
    """A figure of SVG shapes for a page."""
    box = f"0 0 {width:.0f} {height:.0f}"
    svg = f'<svg viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join(shapes)}</svg>'
    return Markup(f'<figure class="chart">{svg}{below}</figure>')


def render_text(x: float, y: float, text: str, css_class: str = "", style: str = "") -> str:
    """A line of text, centred at x; its baseline is at y."""
    attributes = "".join(f' {key}="{value}"' for key, value in (("class", css_class), ("style", style)) if value)
    return f'<text{attributes} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def colour_variables(palette: dict[str, str]) -> str:
    """CSS declarations of the colours that the rules of a chart use."""
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())


def insert_gaps(xs: Sequence[int], ys: Sequence[float]) -> tuple[list[float], list[float | None]]:
    """The same points, with a gap wherever one is missing: a term may run every fourth step, or only for a while."""
    steps = [after - before for before, after in pairwise(xs)]
    usual = median(steps) if steps else 0
    points: list[tuple[float, float | None]] = [(xs[0], ys[0])]
    for step, x, y in zip(steps, xs[1:], ys[1:], strict=True):
        points += [(x - step / 2, None)] if step > GAP_FACTOR * usual else []
        points.append((x, y))
    return [x for x, _ in points], [y for _, y in points]


def format_short_number(value: float) -> str:
    """A number in a few characters."""
    if value == 0:
        return "0"
    if 1e3 <= abs(value) < 1e5:
        return f"{value:.0f}"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e3 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def _render_panel(panel: Panel) -> tuple[list[str], list[Line]]:
    """The shapes of a chart, and the lines that have a point."""
    segments = [(line, _split_segments(line, panel.log)) for line in panel.lines]
    drawn = [(line, runs) for line, runs in segments if runs]
    if not drawn:
        return [], []
    points = [point for _, runs in drawn for run in runs for point in run]
    xs = [x for x, _ in points]
    x_axis = Axis(min(xs), max(xs), integer=all(float(x).is_integer() for x in xs))
    y_axis = _build_vertical_axis([y for _, y in points], panel.log)
    shapes = [*_render_grid(x_axis, y_axis)]
    shapes += [_render_segment(_css_class(line), run, x_axis, y_axis) for line, runs in drawn for run in runs]
    shapes.append(render_text((LEFT_MARGIN + CHART_WIDTH - RIGHT_MARGIN) / 2, CHART_HEIGHT - 4, panel.x_label))
    upright = f'transform="translate(14 {CHART_HEIGHT / 2:.0f}) rotate(-90)"'
    shapes.append(f"<text {upright}>{escape(panel.y_label)}</text>")
    return shapes, [line for line, _ in drawn]


def _build_vertical_axis(values: Sequence[float], log: bool) -> Axis:
    low, high = min(values), max(values)
    if log:
        return Axis(max(low, high / 10**MAX_DECADES), high if high > low else high * 1.01, True)
    padding = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return Axis(low - padding, high + padding)


def _split_segments(line: Line, log: bool) -> list[list[tuple[float, float]]]:
    """The runs of points without a gap, thinned; each keeps both ends."""
    step = max(1, -(-len(line.xs) // (MAX_LINE_POINTS - 1)))
    segments: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.xs, line.ys, strict=True):
        if y is not None and math.isfinite(y) and (y > 0 or not log):
            segments[-1].append((x, y))
        else:
            segments.append([])
    return [[*run[:-1:step], run[-1]] for run in segments if run]


def _render_segment(css_class: str, segment: Sequence[tuple[float, float]], x_axis: Axis, y_axis: Axis) -> str:
    points = [(_to_pixel_x(x_axis, x), _to_pixel_y(y_axis, max(y, y_axis.minimum))) for x, y in segment]
    if len(points) == 1:
        return f'<circle class="{css_class}" cx="{points[0][0]}" cy="{points[0][1]}" r="3"/>'
    return f'<polyline class="{css_class}" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _render_grid(x_axis: Axis, y_axis: Axis) -> Iterator[str]:
    for tick in y_axis.compute_ticks():
        y = _to_pixel_y(y_axis, tick)
        yield f'<line class="grid" x1="{LEFT_MARGIN}" x2="{CHART_WIDTH - RIGHT_MARGIN}" y1="{y}" y2="{y}"/>'
        yield render_text(LEFT_MARGIN - 5, y + 3.5, format_short_number(tick), "end")
    for tick in x_axis.compute_ticks():
        yield render_text(_to_pixel_x(x_axis, tick), CHART_HEIGHT - BOTTOM_MARGIN + 15, format_short_number(tick))


def _render_legend_entry(line: Line, number: int) -> str:
    row, column = divmod(number, LEGEND_COLUMNS)
    x = LEFT_MARGIN + column * (CHART_WIDTH - LEFT_MARGIN) / LEGEND_COLUMNS
    y = CHART_HEIGHT + LEGEND_ROW_HEIGHT * (row + 0.75)
    swatch = f'<polyline class="{_css_class(line)}" points="{x:.1f},{y - 4:.1f} {x + 18:.1f},{y - 4:.1f}"/>'
    return swatch + render_text(x + 24, y, line.name, "name start")


def _to_pixel_x(axis: Axis, value: float) -> float:
    return round(LEFT_MARGIN + axis.to_fraction(value) * (CHART_WIDTH - LEFT_MARGIN - RIGHT_MARGIN), 1)


def _to_pixel_y(axis: Axis, value: float) -> float:
    height = CHART_HEIGHT - TOP_MARGIN - BOTTOM_MARGIN
    return round(CHART_HEIGHT - BOTTOM_MARGIN - axis.to_fraction(value) * height, 1)


def _css_class(line: Line) -> str:
    return f"s{line.colour % COLOUR_COUNT} d{line.colour // COLOUR_COUNT % 3}"


def _resolve_colours(rules: str, palette: dict[str, str]) -> str:
    """CSS without variables, which some viewers of SVG files do not know."""
    return re.sub(r"var\(--(\w+)\)", lambda match: palette[match[1]], rules)
