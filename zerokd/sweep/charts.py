"""A sweep as pictures: a heat map over two keys, and parallel coordinates over all of them. SVG, no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from zerokd.pages.chart import format_short_number
from zerokd.recipe.toml.format import format_toml_value
from zerokd.sweep.objectives import Goal
from zerokd.sweep.search_space import shorten_key
from zerokd.sweep.study import PointRecord

CELL_SIZE, HEADER_HEIGHT, ROW_LABEL_WIDTH = (
    (96, 36),
    30,
    96,
)  # width and height of a cell; what stands above and beside the cells
PLOT_WIDTH, PLOT_HEIGHT, HORIZONTAL_MARGIN, VERTICAL_MARGIN = 640, 240, 60, 30  # of the parallel coordinates
WORST_COLOUR, BEST_COLOUR = (46, 58, 110), (250, 204, 92)  # of the worst and the best value


def draw_heat_map(records: Sequence[PointRecord], goals: Sequence[Goal], goal_index: int) -> Markup:
    """One goal over two keys, a cell a point; several points of a cell show the best. Nothing for other sweeps."""
    done = [row for row in records if row.values]
    keys = list(dict.fromkeys(key for row in records for key in row.point))
    if len(keys) != 2 or not done:
        return Markup("")
    goal, (down, across) = goals[goal_index], keys
    columns, lines = (_axis_values(records, key) for key in (across, down))
    best: dict[tuple[str, str], float] = {}
    for row in done:
        cell = format_toml_value(row.point[across]), format_toml_value(row.point[down])
        best[cell] = max(
            best.get(cell, row.values[goal_index]), row.values[goal_index], key=lambda v: v if goal.higher else -v
        )
    parts = [_render_text(ROW_LABEL_WIDTH / 2, HEADER_HEIGHT - 8, f"{shorten_key(down)} \\ {shorten_key(across)}")]
    parts += [
        _render_text(ROW_LABEL_WIDTH + CELL_SIZE[0] * (n + 0.5), HEADER_HEIGHT - 8, one)
        for n, one in enumerate(columns)
    ]
    for line, one in enumerate(lines):
        top = HEADER_HEIGHT + CELL_SIZE[1] * line
        parts.append(_render_text(ROW_LABEL_WIDTH / 2, top + CELL_SIZE[1] / 2 + 4, one))
        for column, other in enumerate(columns):
            parts.append(
                _render_cell(
                    ROW_LABEL_WIDTH + CELL_SIZE[0] * column, top, best.get((other, one)), list(best.values()), goal
                )
            )
    size = ROW_LABEL_WIDTH + CELL_SIZE[0] * len(columns), HEADER_HEIGHT + CELL_SIZE[1] * len(lines)
    return _render_figure(*size, f"{goal.name} over {down} and {across}", parts)


def draw_parallel_coordinates(records: Sequence[PointRecord], goals: Sequence[Goal]) -> Markup:
    """A line a point, through its values and what it reached; colours tell the first goal."""
    done = [row for row in records if row.values]
    keys = list(dict.fromkeys(key for row in done for key in row.point))
    if len(done) < 2:
        return Markup("")
    names = [*map(shorten_key, keys), *(goal.name for goal in goals)]
    step = (PLOT_WIDTH - 2 * HORIZONTAL_MARGIN) / max(1, len(names) - 1)
    at = [HORIZONTAL_MARGIN + step * n for n in range(len(names))]
    ups = [_axis_heights([row.point[key] for row in done]) for key in keys]
    ups += [_axis_heights([row.values[n] for row in done]) for n in range(len(goals))]
    parts = []
    firsts = [row.values[0] for row in done]
    for number, row in sorted(enumerate(done), key=lambda pair: pair[1].values[0] * (1 if goals[0].higher else -1)):
        points = " ".join(f"{x:.1f},{heights[number]:.1f}" for x, (heights, _, _) in zip(at, ups, strict=True))
        style = f"fill:none;stroke:{_pick_colour(row.values[0], firsts, goals[0])};stroke-width:2"
        parts.append(f'<polyline points="{points}" style="{style}"><title>point {row.number}</title></polyline>')
    for x, name, (_, least, most) in zip(at, names, ups, strict=True):
        parts += [
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{VERTICAL_MARGIN}" y2="{PLOT_HEIGHT - VERTICAL_MARGIN}"/>'
        ]
        parts += [
            _render_text(x, PLOT_HEIGHT - 4, name),
            _render_text(x, VERTICAL_MARGIN - 6, most),
            _render_text(x, PLOT_HEIGHT - VERTICAL_MARGIN + 13, least),
        ]
    return _render_figure(PLOT_WIDTH, PLOT_HEIGHT, "each point's values and goals", parts)


def _axis_values(records: Sequence[PointRecord], key: str) -> list[str]:
    values = {format_toml_value(row.point[key]): row.point[key] for row in records if key in row.point}
    numbers = all(isinstance(value, int | float) for value in values.values())
    return sorted(values, key=lambda text: values[text]) if numbers else list(values)


def _axis_heights(values: Sequence[Any]) -> tuple[list[float], str, str]:
    """Where values lie on a vertical axis; numbers in proportion, others one above the other."""
    texts = list(dict.fromkeys(map(format_toml_value, values)))
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    scale = [float(value) if numbers else float(texts.index(format_toml_value(value))) for value in values]
    least, most = min(scale), max(scale)
    span = PLOT_HEIGHT - 2 * VERTICAL_MARGIN
    heights = [
        PLOT_HEIGHT - VERTICAL_MARGIN - span * ((one - least) / (most - least) if most > least else 0.5)
        for one in scale
    ]
    return heights, *((format_short_number(least), format_short_number(most)) if numbers else (texts[0], texts[-1]))


def _render_cell(left: float, top: float, value: float | None, values: Sequence[float], goal: Goal) -> str:
    if value is None:
        return _render_text(left + CELL_SIZE[0] / 2, top + CELL_SIZE[1] / 2 + 4, "-")
    box = f'x="{left}" y="{top}" width="{CELL_SIZE[0] - 2}" height="{CELL_SIZE[1] - 2}"'
    share = _normalize_value(value, values, goal)
    ink = "#111" if share > 0.5 else "#fff"
    x, y = left + CELL_SIZE[0] / 2, top + CELL_SIZE[1] / 2 + 4
    shown = f'<text x="{x:.1f}" y="{y:.1f}" style="fill:{ink}">{f"{value:.4g}"}</text>'
    return f'<rect {box} style="fill:{_pick_colour(value, values, goal)}"/>{shown}'


def _normalize_value(value: float, values: Sequence[float], goal: Goal) -> float:
    least, most = min(values), max(values)
    share = (value - least) / (most - least) if most > least else 1.0
    return share if goal.higher else 1 - share


def _pick_colour(value: float, values: Sequence[float], goal: Goal) -> str:
    share = _normalize_value(value, values, goal) if len(set(values)) > 1 else 1.0
    red, green, blue = (
        round(dark + share * (light - dark)) for dark, light in zip(WORST_COLOUR, BEST_COLOUR, strict=True)
    )
    return f"rgb({red},{green},{blue})"


def _render_text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _render_figure(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    box = f"0 0 {max(width, PLOT_WIDTH):.0f} {height:.0f}"
    svg = f'<svg viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return Markup(f'<figure class="chart">{svg}</figure>')
