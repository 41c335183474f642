"""What a sweep leaves: sweep.json, report.html and best.toml, and a table on the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import tomli_w
from attrs import frozen

from zerokd.files.atomic import write_text
from zerokd.pages.report import rendered
from zerokd.recipe.schema.recipe import validate
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.format import value_text
from zerokd.sweep.drawings import heat_map, parallel
from zerokd.sweep.goals import Goal, front
from zerokd.sweep.space import laid, short_key, told
from zerokd.sweep.study import Row

TABLE, PAGE, BEST = "sweep.json", "report.html", "best.toml"
WIDE = 34  # characters of a reason in the table


@frozen
class Results:
    """The points of a sweep as they stand. ``front`` has the numbers of those that none beats, the best one first."""

    name: str
    goals: Sequence[Goal]
    rows: Sequence[Row]

    @property
    def done(self) -> list[Row]:
        return [row for row in self.rows if row.values]

    @property
    def front(self) -> list[Row]:
        return [self.done[place] for place in front(self.goals, [row.values for row in self.done])]

    @property
    def summary(self) -> str:
        states = [row.state for row in self.rows]
        return ", ".join(f"{states.count(one)} {one}" for one in dict.fromkeys(states)) or "no point yet"

    @property
    def keys(self) -> list[str]:
        return list(dict.fromkeys(key for row in self.rows for key in row.point))


def write(found: Results, document: Document, out: Path) -> None:
    """Write all of it; workers that do so at one moment write the same.

    Raises:
        OutputError: a file cannot be written.
    """
    best = [row.number for row in found.front]
    facts = {"recipe": found.name, "goals": [attrs.asdict(goal) for goal in found.goals], "front": best}
    facts |= {"points": [attrs.asdict(row) for row in found.rows]}
    write_text(out / TABLE, json.dumps(facts, indent=2) + "\n")
    write_text(out / PAGE, rendered("sweep.html", **_page(found)))
    if best:
        recipe = validate(laid(document, found.front[0].point))
        head = f"# point {best[0]} of {len(found.rows)}: {told(found.front[0].point)}\n"
        write_text(out / BEST, head + tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))


def table(found: Results) -> str:
    """All points, a line each, those that none beats marked."""
    head = ["", "point", *map(short_key, found.keys), *(goal.name for goal in found.goals), "seconds", "state"]
    marked = {row.number for row in found.front}
    marks = ["*" if row.number in marked else "" for row in found.rows]
    cells = zip(marks, found.rows, strict=True)
    lines = [head, *([mark, str(row.number), *_cells(found, row), _state(row)] for mark, row in cells)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    text = ["  ".join([*map(str.rjust, line, widths), line[-1]]).rstrip() for line in lines]
    return "\n".join([*text, "", f"{found.summary}; * no other point is better in every goal"])


def _cells(found: Results, row: Row) -> list[str]:
    point = [value_text(row.point[key]) if key in row.point else "" for key in found.keys]
    values = [f"{value:.4g}" for value in row.values] or [""] * len(found.goals)
    return [*map(_shorter, point), *values, f"{row.seconds:.0f}" if row.seconds else ""]


def _shorter(text: str) -> str:
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _state(row: Row) -> str:
    why = row.why if len(row.why) <= WIDE else row.why[: WIDE - 3] + "..."
    return f"{row.state}: {why}" if why else row.state


def _page(found: Results) -> dict[str, Any]:
    maps = [(goal, heat_map(found.rows, found.goals, place)) for place, goal in enumerate(found.goals)]
    states = [f"{row.state}: {row.why}" if row.why else row.state for row in found.rows]
    pairs = zip(found.rows, states, strict=True)
    return {
        "name": found.name,
        "summary": found.summary,
        "best": _told(found, found.front[0]) if found.done else [],
        "maps": [(goal, drawn) for goal, drawn in maps if drawn],
        "lines": parallel(found.rows, found.goals),
        "keys": [short_key(key) for key in found.keys],
        "goals": found.goals,
        "rows": [{"number": row.number, "cells": _cells(found, row), "state": state} for row, state in pairs],
        "front": {row.number for row in found.front},
    }


def _told(found: Results, row: Row) -> list[tuple[str, str]]:
    reached = zip(found.goals, row.values, strict=True)
    values = [(goal.name, f"{value:.4g} {goal.unit}".rstrip()) for goal, value in reached]
    return [("point", str(row.number)), *((short_key(key), value_text(one)) for key, one in row.point.items()), *values]
