"""A sweep as pictures: a heat map over two keys, and parallel coordinates over all of them. SVG, no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from zerokd.pages.chart import short
from zerokd.recipe.toml.format import value_text
from zerokd.sweep.goals import Goal
from zerokd.sweep.space import short_key
from zerokd.sweep.study import Row

CELL, HEAD, SIDE = (96, 36), 30, 96  # width and height of a cell; what stands above and beside the cells
WIDTH, HEIGHT, EDGE, MARGIN = 640, 240, 60, 30  # of the parallel coordinates
DARK, LIGHT = (46, 58, 110), (250, 204, 92)  # of the worst and the best value


def heat_map(rows: Sequence[Row], goals: Sequence[Goal], place: int) -> Markup:
    """One goal over two keys, a cell a point; several points of a cell show the best. Nothing for other sweeps."""
    done = [row for row in rows if row.values]
    keys = list(dict.fromkeys(key for row in rows for key in row.point))
    if len(keys) != 2 or not done:
        return Markup("")
    goal, (down, across) = goals[place], keys
    columns, lines = (_values(rows, key) for key in (across, down))
    best: dict[tuple[str, str], float] = {}
    for row in done:
        cell = value_text(row.point[across]), value_text(row.point[down])
        best[cell] = max(best.get(cell, row.values[place]), row.values[place], key=lambda v: v if goal.higher else -v)
    parts = [_text(SIDE / 2, HEAD - 8, f"{short_key(down)} \\ {short_key(across)}")]
    parts += [_text(SIDE + CELL[0] * (n + 0.5), HEAD - 8, one) for n, one in enumerate(columns)]
    for line, one in enumerate(lines):
        top = HEAD + CELL[1] * line
        parts.append(_text(SIDE / 2, top + CELL[1] / 2 + 4, one))
        for column, other in enumerate(columns):
            parts.append(_cell(SIDE + CELL[0] * column, top, best.get((other, one)), list(best.values()), goal))
    size = SIDE + CELL[0] * len(columns), HEAD + CELL[1] * len(lines)
    return _figure(*size, f"{goal.name} over {down} and {across}", parts)


def parallel(rows: Sequence[Row], goals: Sequence[Goal]) -> Markup:
    """A line a point, through its values and what it reached; colours tell the first goal."""
    done = [row for row in rows if row.values]
    keys = list(dict.fromkeys(key for row in done for key in row.point))
    if len(done) < 2:
        return Markup("")
    names = [*map(short_key, keys), *(goal.name for goal in goals)]
    step = (WIDTH - 2 * EDGE) / max(1, len(names) - 1)
    at = [EDGE + step * n for n in range(len(names))]
    ups = [_heights([row.point[key] for row in done]) for key in keys]
    ups += [_heights([row.values[n] for row in done]) for n in range(len(goals))]
    parts = []
    firsts = [row.values[0] for row in done]
    for number, row in sorted(enumerate(done), key=lambda pair: pair[1].values[0] * (1 if goals[0].higher else -1)):
        points = " ".join(f"{x:.1f},{heights[number]:.1f}" for x, (heights, _, _) in zip(at, ups, strict=True))
        style = f"fill:none;stroke:{_colour(row.values[0], firsts, goals[0])};stroke-width:2"
        parts.append(f'<polyline points="{points}" style="{style}"><title>point {row.number}</title></polyline>')
    for x, name, (_, least, most) in zip(at, names, ups, strict=True):
        parts += [f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{MARGIN}" y2="{HEIGHT - MARGIN}"/>']
        parts += [_text(x, HEIGHT - 4, name), _text(x, MARGIN - 6, most), _text(x, HEIGHT - MARGIN + 13, least)]
    return _figure(WIDTH, HEIGHT, "each point's values and goals", parts)


def _values(rows: Sequence[Row], key: str) -> list[str]:
    values = {value_text(row.point[key]): row.point[key] for row in rows if key in row.point}
    numbers = all(isinstance(one, int | float) for one in values.values())
    return sorted(values, key=lambda text: values[text]) if numbers else list(values)


def _heights(values: Sequence[Any]) -> tuple[list[float], str, str]:
    """Where values lie on a vertical axis; numbers in proportion, others one above the other."""
    texts = list(dict.fromkeys(map(value_text, values)))
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    scale = [float(one) if numbers else float(texts.index(value_text(one))) for one in values]
    least, most = min(scale), max(scale)
    span = HEIGHT - 2 * MARGIN
    heights = [HEIGHT - MARGIN - span * ((one - least) / (most - least) if most > least else 0.5) for one in scale]
    return heights, *((short(least), short(most)) if numbers else (texts[0], texts[-1]))


def _cell(left: float, top: float, value: float | None, values: Sequence[float], goal: Goal) -> str:
    if value is None:
        return _text(left + CELL[0] / 2, top + CELL[1] / 2 + 4, "-")
    box = f'x="{left}" y="{top}" width="{CELL[0] - 2}" height="{CELL[1] - 2}"'
    share = _share(value, values, goal)
    ink = "#111" if share > 0.5 else "#fff"
    x, y = left + CELL[0] / 2, top + CELL[1] / 2 + 4
    shown = f'<text x="{x:.1f}" y="{y:.1f}" style="fill:{ink}">{f"{value:.4g}"}</text>'
    return f'<rect {box} style="fill:{_colour(value, values, goal)}"/>{shown}'


def _share(value: float, values: Sequence[float], goal: Goal) -> float:
    least, most = min(values), max(values)
    share = (value - least) / (most - least) if most > least else 1.0
    return share if goal.higher else 1 - share


def _colour(value: float, values: Sequence[float], goal: Goal) -> str:
    share = _share(value, values, goal) if len(set(values)) > 1 else 1.0
    red, green, blue = (round(dark + share * (light - dark)) for dark, light in zip(DARK, LIGHT, strict=True))
    return f"rgb({red},{green},{blue})"


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _figure(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    box = f"0 0 {max(width, WIDTH):.0f} {height:.0f}"
    svg = f'<svg viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return Markup(f'<figure class="chart">{svg}</figure>')
