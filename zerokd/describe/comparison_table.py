"""An evaluation as one table for a paper: rows and columns in order, which values are best, and the notes below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from zerokd._version import __version__
from zerokd.errors import escape_unprintable
from zerokd.student.evaluate.cost import TIMING_SIZE, describe_machine
from zerokd.student.evaluate.evaluate import PhotoEvaluation
from zerokd.student.evaluate.methods import BASELINE_NAMES, Method
from zerokd.student.evaluate.tables import describe_baselines, format_column_title, format_value

UNRANKED_METHODS = BASELINE_NAMES[:1]  # the input: it has the least cast and clips nothing because nothing was done
SECTION_TITLES = ("without training", "trained")
GROUP_TITLES = {"reference": "references", "teacher": "teacher", "alone": "no reference", "cost": "cost"}
BEST, SECOND = 1, 2
DIGEST_DIGITS = 12


@frozen
class ComparisonColumn:
    """A column: shown values by method, absent where a method has none, and the ``BEST`` and ``SECOND`` ones.

    Attributes:
        group: a key of ``GROUP_TITLES``.
        better: "higher", "lower", or "" if neither is better.
    """

    group: str
    title: str
    better: str
    cells: Mapping[str, str]
    ranks: Mapping[str, int]


@frozen
class ComparisonTable:
    """Methods in sections, each with its title; ``notes`` are paragraphs, and ``command`` made the table."""

    columns: tuple[ComparisonColumn, ...]
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    caption: str
    notes: tuple[str, ...]
    command: str


def build_comparison_table(evaluation: PhotoEvaluation, command: str) -> ComparisonTable:
    """The means and costs of all methods, baselines apart from models.

    ``command`` is the one that repeats the evaluation.
    """
    names = [method.name for method in evaluation.methods]
    baselines = tuple(name for name in names if name in BASELINE_NAMES)
    models = tuple(name for name in names if name not in BASELINE_NAMES)
    sections = [(title, rows) for title, rows in zip(SECTION_TITLES, (baselines, models), strict=True) if rows]
    count = len(evaluation.values)
    return ComparisonTable(
        (*_build_metric_columns(evaluation), *_build_cost_columns(evaluation)),
        tuple(sections),
        f"Mean over {count} photo{'' if count == 1 else 's'}",
        tuple(_describe_conditions(evaluation)),
        escape_unprintable(command),
    )


def rank_values(cells: Mapping[str, str], better: str) -> dict[str, int]:
    """The best and the second-best cells. Cells that show equal numbers have equal ranks; the input has none."""
    sign = -1 if better == "higher" else 1
    numbers = {name: sign * float(cell) for name, cell in cells.items() if name not in UNRANKED_METHODS}
    leading = sorted(set(numbers.values()))[:SECOND] if better else []
    if len(leading) < SECOND:  # all are equal: nothing is best
        return {}
    return {name: leading.index(number) + 1 for name, number in numbers.items() if number in leading}


def _build_metric_columns(evaluation: PhotoEvaluation) -> Iterator[ComparisonColumn]:
    for column in evaluation.columns:
        means = {method.name: evaluation.mean(method.name, column) for method in evaluation.methods}
        if column.group == "teacher":
            means.pop(evaluation.teacher, None)  # nothing is as close to a model as itself
        cells = {name: format_value(mean, column) for name, mean in means.items() if math.isfinite(mean)}
        title = format_column_title(column)
        yield ComparisonColumn(column.group, title, column.better, cells, rank_values(cells, column.better))


def _build_cost_columns(evaluation: PhotoEvaluation) -> Iterator[ComparisonColumn]:
    costs = evaluation.costs.items()
    if costs:
        columns = {
            "parameters": {name: f"{cost.parameters}" for name, cost in costs},
            "MACs/pixel": {name: f"{cost.macs_per_pixel:.0f}" for name, cost in costs},
            "ms": {name: f"{cost.milliseconds:.1f}" for name, cost in costs},
        }
        yield from (ComparisonColumn("cost", title, "", cells, {}) for title, cells in columns.items())


def _describe_conditions(evaluation: PhotoEvaluation) -> Iterator[str]:
    """What the numbers depend on: ranks, baselines, the models' seeds and bytes, versions, and the machine."""
    yield f"Best value bold, second underlined; {', '.join(UNRANKED_METHODS)} is not ranked."
    if evaluation.failures:
        count = len(evaluation.failures)
        yield f"Without {count} photo{'' if count == 1 else 's'} that could not be measured."
    yield f"Without training: {' '.join(describe_baselines())}."
    yield from (_describe_model(method) for method in evaluation.methods if method.model is not None)
    machine, size = describe_machine(), f"{TIMING_SIZE[1]}x{TIMING_SIZE[0]}"
    threads = f"{machine['threads']} thread{'' if machine['threads'] == 1 else 's'}"
    software = f"zerokd {__version__}, PyTorch {machine['torch']}, {machine['platform']}"
    yield f"{software}; ms: {size} pixels, {threads} of {escape_unprintable(machine['processor'])}."


def _describe_model(method: Method) -> str:
    facts: Sequence[str] = [f"{key} {method.facts[key]}" for key in ("recipe", "seed") if key in method.facts]
    origin = ", ".join(facts) or "weights without a record of their training"
    return f"{escape_unprintable(method.name)}: {escape_unprintable(origin)}, SHA-256 {method.digest[:DIGEST_DIGITS]}."
