"""Charts of a sweep for its page: a heat map over two keys, and parallel coordinates over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from markupsafe import Markup

from zerokd.chart import format_short_number, render_figure, render_text
from zerokd.recipe.toml.format import format_toml_value
from zerokd.sweep.objectives import Goal
from zerokd.sweep.search_space import shorten_key
from zerokd.sweep.study import PointRecord

CELL_WIDTH, CELL_HEIGHT, HEADER_HEIGHT, ROW_LABEL_WIDTH = 96, 36, 30, 96  # of the heat map
PLOT_WIDTH, PLOT_HEIGHT, HORIZONTAL_MARGIN, VERTICAL_MARGIN = 640, 240, 60, 30  # of the parallel coordinates
WORST_COLOUR, BEST_COLOUR = (46, 58, 110), (250, 204, 92)  # red, green, blue
DARK_TEXT, LIGHT_TEXT = "#111", "#fff"


@frozen
class ParallelAxis:
    """A vertical axis: the height of each point in pixels, and the labels of its ends."""

    name: str
    heights: Sequence[float]
    lowest: str
    highest: str


@frozen
class ColourScale:
    """From the worst to the best of some values of a goal."""

    values: Sequence[float]
    higher_is_better: bool

    def to_fraction(self, value: float) -> float:
        """0 for the worst value, 1 for the best one."""
        low, high = min(self.values), max(self.values)
        if low == high:
            return 1.0
        fraction = (value - low) / (high - low)
        return fraction if self.higher_is_better else 1 - fraction

    def to_colour(self, value: float) -> str:
        """A CSS colour."""
        fraction = self.to_fraction(value)
        channels = zip(WORST_COLOUR, BEST_COLOUR, strict=True)
        return f"rgb({','.join(str(round(worst + fraction * (best - worst))) for worst, best in channels)})"


def draw_heat_map(records: Sequence[PointRecord], goals: Sequence[Goal], goal_index: int) -> Markup:
    """A goal over two keys; a cell shows the best of its points. Empty if the sweep does not vary exactly two keys."""
    completed = [record for record in records if record.values]
    keys = list(dict.fromkeys(key for record in records for key in record.point))
    if len(keys) != 2 or not completed:
        return Markup("")
    goal, (row_key, column_key) = goals[goal_index], keys
    columns, rows = (_axis_values(records, key) for key in (column_key, row_key))
    best: dict[tuple[str, str], float] = {}
    for record in completed:
        cell = format_toml_value(record.point[row_key]), format_toml_value(record.point[column_key])
        value = record.values[goal_index]
        best[cell] = (max if goal.higher else min)(best.get(cell, value), value)
    scale = ColourScale(list(best.values()), goal.higher)
    corner = f"{shorten_key(row_key)} \\ {shorten_key(column_key)}"
    parts = [render_text(ROW_LABEL_WIDTH / 2, HEADER_HEIGHT - 8, corner)]
    for number, column in enumerate(columns):
        parts.append(render_text(ROW_LABEL_WIDTH + CELL_WIDTH * (number + 0.5), HEADER_HEIGHT - 8, column))
    for row_number, row in enumerate(rows):
        top = HEADER_HEIGHT + CELL_HEIGHT * row_number
        parts.append(render_text(ROW_LABEL_WIDTH / 2, top + CELL_HEIGHT / 2 + 4, row))
        for number, column in enumerate(columns):
            parts.append(_render_cell(ROW_LABEL_WIDTH + CELL_WIDTH * number, top, best.get((row, column)), scale))
    width, height = ROW_LABEL_WIDTH + CELL_WIDTH * len(columns), HEADER_HEIGHT + CELL_HEIGHT * len(rows)
    return render_figure(max(width, PLOT_WIDTH), height, f"{goal.name} over {row_key} and {column_key}", parts)


def draw_parallel_coordinates(records: Sequence[PointRecord], goals: Sequence[Goal]) -> Markup:
    """A line a point through its values and goals, coloured by the first goal, the best on top."""
    completed = [record for record in records if record.values]
    if len(completed) < 2:
        return Markup("")
    keys = list(dict.fromkeys(key for record in completed for key in record.point))
    axes = [_build_axis(shorten_key(key), [record.point[key] for record in completed]) for key in keys]
    axes += [_build_axis(goal.name, [record.values[n] for record in completed]) for n, goal in enumerate(goals)]
    step = (PLOT_WIDTH - 2 * HORIZONTAL_MARGIN) / max(1, len(axes) - 1)
    lefts = [HORIZONTAL_MARGIN + step * number for number in range(len(axes))]
    scale = ColourScale([record.values[0] for record in completed], goals[0].higher)
    parts = []
    for number, record in sorted(enumerate(completed), key=lambda pair: scale.to_fraction(pair[1].values[0])):
        points = " ".join(f"{x:.1f},{axis.heights[number]:.1f}" for x, axis in zip(lefts, axes, strict=True))
        style = f"fill:none;stroke:{scale.to_colour(record.values[0])};stroke-width:2"
        parts.append(f'<polyline points="{points}" style="{style}"><title>point {record.number}</title></polyline>')
    top, bottom = VERTICAL_MARGIN, PLOT_HEIGHT - VERTICAL_MARGIN
    for x, axis in zip(lefts, axes, strict=True):
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        labels = ((PLOT_HEIGHT - 4, axis.name), (top - 6, axis.highest), (bottom + 13, axis.lowest))
        parts += [render_text(x, y, text) for y, text in labels]
    return render_figure(PLOT_WIDTH, PLOT_HEIGHT, "values and goals of every point", parts)


def _axis_values(records: Sequence[PointRecord], key: str) -> list[str]:
    values = {format_toml_value(record.point[key]): record.point[key] for record in records if key in record.point}
    numeric = all(isinstance(value, int | float) for value in values.values())
    return sorted(values, key=lambda text: values[text]) if numeric else list(values)


def _build_axis(name: str, values: Sequence[Any]) -> ParallelAxis:
    """Numbers in proportion; other values at equal distances."""
    texts = list(dict.fromkeys(map(format_toml_value, values)))
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    numbers = [float(value) if numeric else float(texts.index(format_toml_value(value))) for value in values]
    low, high = min(numbers), max(numbers)
    bottom, span = PLOT_HEIGHT - VERTICAL_MARGIN, PLOT_HEIGHT - 2 * VERTICAL_MARGIN
    heights = [bottom - span * ((number - low) / (high - low) if high > low else 0.5) for number in numbers]
    ends = (format_short_number(low), format_short_number(high)) if numeric else (texts[0], texts[-1])
    return ParallelAxis(name, heights, *ends)


def _render_cell(left: float, top: float, value: float | None, scale: ColourScale) -> str:
    x, y = left + CELL_WIDTH / 2, top + CELL_HEIGHT / 2 + 4
    if value is None:
        return render_text(x, y, "-")
    box = f'x="{left}" y="{top}" width="{CELL_WIDTH - 2}" height="{CELL_HEIGHT - 2}"'
    ink = DARK_TEXT if scale.to_fraction(value) > 0.5 else LIGHT_TEXT
    text = render_text(x, y, f"{value:.4g}", style=f"fill:{ink}")
    return f'<rect {box} style="fill:{scale.to_colour(value)}"/>{text}'
