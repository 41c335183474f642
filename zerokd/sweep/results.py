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
from zerokd.pages.report import render_template
from zerokd.recipe.schema.recipe import validate_recipe
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.format import format_toml_value
from zerokd.sweep.charts import draw_heat_map, draw_parallel_coordinates
from zerokd.sweep.objectives import Goal, pareto_front_indices
from zerokd.sweep.search_space import apply_point, describe_point, shorten_key
from zerokd.sweep.study import PointRecord

RESULTS_FILE, SWEEP_REPORT_FILE, BEST_RECIPE_FILE = "sweep.json", "report.html", "best.toml"
MAX_REASON_LENGTH = 34  # characters of a reason in the table


@frozen
class SweepResults:
    """The points of a sweep as they stand. ``front`` has the numbers of those that none beats, the best one first."""

    name: str
    goals: Sequence[Goal]
    records: Sequence[PointRecord]

    @property
    def completed(self) -> list[PointRecord]:
        return [row for row in self.records if row.values]

    @property
    def pareto_front(self) -> list[PointRecord]:
        return [
            self.completed[place] for place in pareto_front_indices(self.goals, [row.values for row in self.completed])
        ]

    @property
    def summary(self) -> str:
        states = [row.state for row in self.records]
        return ", ".join(f"{states.count(fromkey)} {fromkey}" for fromkey in dict.fromkeys(states)) or "no point yet"

    @property
    def keys(self) -> list[str]:
        return list(dict.fromkeys(key for row in self.records for key in row.point))


def write_results(results: SweepResults, document: Document, out: Path) -> None:
    """Write all of it; workers that do so at one moment write the same.

    Raises:
        OutputError: a file cannot be written.
    """
    best = [row.number for row in results.pareto_front]
    facts = {"recipe": results.name, "goals": [attrs.asdict(goal) for goal in results.goals], "front": best}
    facts |= {"points": [attrs.asdict(row) for row in results.records]}
    write_text(out / RESULTS_FILE, json.dumps(facts, indent=2) + "\n")
    write_text(out / SWEEP_REPORT_FILE, render_template("sweep.html", **_build_page_context(results)))
    if best:
        recipe = validate_recipe(apply_point(document, results.pareto_front[0].point))
        head = f"# point {best[0]} of {len(results.records)}: {describe_point(results.pareto_front[0].point)}\n"
        write_text(out / BEST_RECIPE_FILE, head + tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))


def format_results_table(results: SweepResults) -> str:
    """All points, a line each, those that none beats marked."""
    head = ["", "point", *map(shorten_key, results.keys), *(goal.name for goal in results.goals), "seconds", "state"]
    marked = {row.number for row in results.pareto_front}
    marks = ["*" if row.number in marked else "" for row in results.records]
    cells = zip(marks, results.records, strict=True)
    lines = [
        head,
        *([mark, str(row.number), *_format_cells(results, row), _describe_state(row)] for mark, row in cells),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    text = ["  ".join([*map(str.rjust, line, widths), line[-1]]).rstrip() for line in lines]
    return "\n".join([*text, "", f"{results.summary}; * no other point is better in every goal"])


def _format_cells(results: SweepResults, record: PointRecord) -> list[str]:
    point = [format_toml_value(record.point[key]) if key in record.point else "" for key in results.keys]
    values = [f"{value:.4g}" for value in record.values] or [""] * len(results.goals)
    return [*map(_shorten_number, point), *values, f"{record.seconds:.0f}" if record.seconds else ""]


def _shorten_number(text: str) -> str:
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _describe_state(record: PointRecord) -> str:
    why = record.why if len(record.why) <= MAX_REASON_LENGTH else record.why[: MAX_REASON_LENGTH - 3] + "..."
    return f"{record.state}: {why}" if why else record.state


def _build_page_context(results: SweepResults) -> dict[str, Any]:
    maps = [(goal, draw_heat_map(results.records, results.goals, place)) for place, goal in enumerate(results.goals)]
    states = [f"{row.state}: {row.why}" if row.why else row.state for row in results.records]
    pairs = zip(results.records, states, strict=True)
    return {
        "name": results.name,
        "summary": results.summary,
        "best": _describe_best_point(results, results.pareto_front[0]) if results.completed else [],
        "maps": [(goal, drawn) for goal, drawn in maps if drawn],
        "lines": draw_parallel_coordinates(results.records, results.goals),
        "keys": [shorten_key(key) for key in results.keys],
        "goals": results.goals,
        "rows": [{"number": row.number, "cells": _format_cells(results, row), "state": state} for row, state in pairs],
        "front": {row.number for row in results.pareto_front},
    }


def _describe_best_point(results: SweepResults, record: PointRecord) -> list[tuple[str, str]]:
    reached = zip(results.goals, record.values, strict=True)
    values = [(goal.name, f"{value:.4g} {goal.unit}".rstrip()) for goal, value in reached]
    return [
        ("point", str(record.number)),
        *((shorten_key(key), format_toml_value(one)) for key, one in record.point.items()),
        *values,
    ]
