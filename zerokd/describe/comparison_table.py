"""An evaluation as one table for a paper: rows and columns in order, which values are best, and the notes below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen
from typing_extensions import TypedDict

from zerokd.errors import escape_unprintable
from zerokd.student.enhance.summary import count_noun
from zerokd.student.evaluate.cost import TIMING_SIZE
from zerokd.student.evaluate.methods import BASELINE_NAMES
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
    """Methods in sections, each with its title; ``notes`` are paragraphs, and ``command`` made the table, if
    it is known."""

    columns: tuple[ComparisonColumn, ...]
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    caption: str
    notes: tuple[str, ...]
    command: str


class MachineRecord(TypedDict):
    """The machine and the software that times depend on."""

    processor: str
    threads: int
    torch: str
    platform: str


class CostRecord(TypedDict):
    """The cost of a model."""

    parameters: int
    macs_per_pixel: float
    milliseconds: float


class MethodRecord(TypedDict):
    """A method: the digest of its file, the cost of its model, and the mean of each column."""

    sha256: str | None
    training: Mapping[str, Any]
    cost: CostRecord | None
    mean: Mapping[str, float | None]


class EvaluationRecord(TypedDict):
    """An evaluation as ``zerokd evaluate --json`` writes it."""

    zerokd: str
    machine: MachineRecord
    command: str | None
    photos: str
    teacher: str | None
    columns: Mapping[str, Mapping[str, str | None]]
    methods: Mapping[str, MethodRecord]
    images: Mapping[str, Any]
    failed: Mapping[str, Any]


def build_comparison_table(record: EvaluationRecord) -> ComparisonTable:
    """The means and costs of all methods, baselines apart from models."""
    return ComparisonTable(
        (*_build_metric_columns(record), *build_cost_columns(_find_costs(record))),
        build_sections(record["methods"]),
        f"Mean over {count_noun(len(record['images']), 'photo')}",
        tuple(_describe_conditions(record)),
        escape_unprintable(record["command"] or ""),
    )


def build_sections(names: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The rows in order, baselines apart from models; a section without rows is left out."""
    rows: dict[str, list[str]] = {title: [] for title in SECTION_TITLES}
    for name in names:
        rows[SECTION_TITLES[name not in BASELINE_NAMES]].append(name)
    return tuple((title, tuple(part)) for title, part in rows.items() if part)


def rank_values(cells: Mapping[str, str], better: str) -> dict[str, int]:
    """The best and the second-best cells. Cells that show equal numbers have equal ranks; the input has none."""
    sign = -1 if better == "higher" else 1
    numbers = {name: sign * float(cell) for name, cell in cells.items() if name not in UNRANKED_METHODS}
    leading = sorted(set(numbers.values()))[:SECOND] if better else []
    if len(leading) < SECOND:  # all are equal: nothing is best
        return {}
    return {name: leading.index(number) + 1 for name, number in numbers.items() if number in leading}


def find_method(record: EvaluationRecord, digest: str) -> MethodRecord | None:
    """The method whose model has this SHA-256."""
    return next((method for method in record["methods"].values() if method["sha256"] == digest), None)


def describe_lost_comparisons(record: EvaluationRecord, digest: str) -> Iterator[str]:
    """Each metric against references in which a baseline beats the student with this SHA-256, as a sentence."""
    mine = find_method(record, digest)
    for key, column in record["columns"].items():
        group, _, metric = key.partition(".")
        sign = {"higher": 1, "lower": -1}.get(column.get("better") or "", 0)
        own = mine["mean"].get(key) if mine else None
        if group != "reference" or not sign or own is None:
            continue
        scores = {
            name: value
            for name, method in record["methods"].items()
            if name in BASELINE_NAMES and (value := method["mean"].get(key)) is not None and sign * value > sign * own
        }
        if scores:
            best = max(scores, key=lambda name: sign * scores[name])
            numbers = f"{format_value(scores[best], metric)} against {format_value(own, metric)}"
            yield f"A baseline without training is better in {format_column_title(metric)}: {best}, {numbers}."


def _build_metric_columns(record: EvaluationRecord) -> Iterator[ComparisonColumn]:
    for key, column in record["columns"].items():
        group, _, metric = key.partition(".")
        means = {name: method["mean"].get(key) for name, method in record["methods"].items()}
        if group == "teacher":
            means.pop(record["teacher"] or "", None)  # nothing is as close to a model as itself
        cells = {name: format_value(mean, metric) for name, mean in means.items() if mean is not None}
        better = column.get("better") or ""
        yield ComparisonColumn(group, format_column_title(metric), better, cells, rank_values(cells, better))


def _find_costs(record: EvaluationRecord) -> dict[str, CostRecord]:
    return {name: method["cost"] for name, method in record["methods"].items() if method["cost"] is not None}


def build_cost_columns(costs: Mapping[str, CostRecord]) -> Iterator[ComparisonColumn]:
    """Parameters, multiply-accumulates and time of models by name; nothing where there is no model."""
    if costs:
        columns = {
            "parameters": {name: f"{cost['parameters']}" for name, cost in costs.items()},
            "MACs/pixel": {name: f"{cost['macs_per_pixel']:.0f}" for name, cost in costs.items()},
            "ms": {name: f"{cost['milliseconds']:.1f}" for name, cost in costs.items()},
        }
        yield from (ComparisonColumn("cost", title, "", cells, {}) for title, cells in columns.items())


def _describe_conditions(record: EvaluationRecord) -> Iterator[str]:
    """What the numbers depend on: ranks, baselines, the models' seeds and bytes, versions, and the machine."""
    yield f"Best value bold, second underlined; {', '.join(UNRANKED_METHODS)} is not ranked."
    if record["failed"]:
        yield f"Without {count_noun(len(record['failed']), 'photo')} that could not be measured."
    yield f"Without training: {' '.join(describe_baselines())}."
    for name, method in record["methods"].items():
        if method["sha256"]:
            yield describe_origin(name, method["training"], method["sha256"])
    yield describe_software(record["zerokd"], record["machine"])


def describe_software(version: str, machine: MachineRecord) -> str:
    """The versions that numbers depend on, and the machine on which times were measured, in one line."""
    software = f"zerokd {version}, PyTorch {machine['torch']}, {machine['platform']}"
    size, threads = f"{TIMING_SIZE[1]}x{TIMING_SIZE[0]}", count_noun(machine["threads"], "thread")
    return escape_unprintable(f"{software}; ms: {size} pixels, {threads} of {machine['processor']}.")


def describe_origin(name: str, training: Mapping[str, Any], digest: str) -> str:
    """Where the model of a method comes from, in one line; ``digest`` is the SHA-256 of its file."""
    facts = [f"{key} {value}" for key, value in training.items()]
    origin = ", ".join(facts) or "weights without a record of their training"
    return escape_unprintable(f"{name}: {origin}, SHA-256 {digest[:DIGEST_DIGITS]}.")
