"""The results of a sweep: sweep.json, report.html and best.toml in its folder, and a table in the terminal."""

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
from zerokd.sweep.study import PointRecord, PointState

RESULTS_FILE, SWEEP_REPORT_FILE, BEST_RECIPE_FILE = "sweep.json", "report.html", "best.toml"
MAX_REASON_LENGTH = 34  # characters, in the table


@frozen
class SweepResults:
    """The points of a sweep so far."""

    name: str
    goals: Sequence[Goal]
    records: Sequence[PointRecord]

    @property
    def completed(self) -> list[PointRecord]:
        """The points that have a value for every goal."""
        return [record for record in self.records if record.values]

    @property
    def pareto_front(self) -> list[PointRecord]:
        """The points that no other one dominates, the best in the first goal first."""
        completed = self.completed
        rows = [record.values for record in completed]
        return [completed[index] for index in pareto_front_indices(self.goals, rows)]

    @property
    def has_failed_points(self) -> bool:
        """Whether a point failed or was refused."""
        return any(record.state in (PointState.FAILED, PointState.REFUSED) for record in self.records)

    @property
    def summary(self) -> str:
        """The number of points in each state."""
        states = [record.state for record in self.records]
        return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "no point yet"

    @property
    def keys(self) -> list[str]:
        """The keys that the sweep varies."""
        return list(dict.fromkeys(key for record in self.records for key in record.point))


def write_results(results: SweepResults, document: Document, out: Path) -> None:
    """Write all files; workers that finish at once write the same content.

    Raises:
        OutputError: a file cannot be written.
    """
    front = results.pareto_front
    record = {
        "recipe": results.name,
        "goals": [attrs.asdict(goal) for goal in results.goals],
        "front": [point.number for point in front],
        "points": [attrs.asdict(point) for point in results.records],
    }
    write_text(out / RESULTS_FILE, json.dumps(record, indent=2) + "\n")
    write_text(out / SWEEP_REPORT_FILE, render_template("sweep.html", **_build_page_context(results)))
    if front:
        best = front[0]
        recipe = validate_recipe(apply_point(document, best.point))
        head = f"# point {best.number} of {len(results.records)}: {describe_point(best.point)}\n"
        write_text(out / BEST_RECIPE_FILE, head + tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))


def format_results_table(results: SweepResults) -> str:
    """A line for each point; a star marks the Pareto front."""
    head = ["", "point", *map(shorten_key, results.keys), *(goal.name for goal in results.goals), "seconds", "state"]
    front = {record.number for record in results.pareto_front}
    lines = [head]
    for record in results.records:
        mark = "*" if record.number in front else ""
        lines.append([mark, str(record.number), *_format_cells(results, record), _shorten_state(record)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    text = ["  ".join([*map(str.rjust, line, widths), line[-1]]).rstrip() for line in lines]
    return "\n".join([*text, "", f"{results.summary}; * on the Pareto front"])


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
    return f"{record.state}: {record.why}" if record.why else record.state


def _shorten_state(record: PointRecord) -> str:
    fits = len(record.why) <= MAX_REASON_LENGTH
    return _describe_state(record if fits else attrs.evolve(record, why=record.why[: MAX_REASON_LENGTH - 3] + "..."))


def _build_page_context(results: SweepResults) -> dict[str, Any]:
    maps = [(goal, draw_heat_map(results.records, results.goals, index)) for index, goal in enumerate(results.goals)]
    front = results.pareto_front
    rows = [
        {"number": point.number, "cells": _format_cells(results, point), "state": _describe_state(point)}
        for point in results.records
    ]
    return {
        "name": results.name,
        "summary": results.summary,
        "best": _describe_best_point(results, front[0]) if front else [],
        "heat_maps": [(goal, heat_map) for goal, heat_map in maps if heat_map],
        "coordinates": draw_parallel_coordinates(results.records, results.goals),
        "keys": [shorten_key(key) for key in results.keys],
        "goals": results.goals,
        "rows": rows,
        "pareto_front": {record.number for record in front},
    }


def _describe_best_point(results: SweepResults, record: PointRecord) -> list[tuple[str, str]]:
    values = zip(results.goals, record.values, strict=True)
    return [
        ("point", str(record.number)),
        *((shorten_key(key), format_toml_value(value)) for key, value in record.point.items()),
        *((goal.name, goal.format_value(value)) for goal, value in values),
    ]
