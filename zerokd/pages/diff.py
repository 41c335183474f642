"""The differences between two runs: recipe, environment and results."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from attrs import frozen

from zerokd.errors import escape_unprintable
from zerokd.files.atomic import write_text
from zerokd.pages.report import render_template
from zerokd.pages.run_record import RunRecord, attribute_damage, read_run
from zerokd.run.records import Manifest
from zerokd.text import TEXT_WIDTH, wrap_text

ABSENT = "-"


@frozen
class ComparisonRow:
    """A value of both runs; ``change`` is B - A if both are numbers."""

    name: str
    value_a: str
    value_b: str
    change: str = ""

    @property
    def differs(self) -> bool:
        return self.value_a != self.value_b


@frozen(eq=False)
class RunDifference:
    """All equations and results; of recipe and environment, only the rows that differ."""

    names: tuple[str, str]
    equations: tuple[ComparisonRow, ...]
    recipe: tuple[ComparisonRow, ...]
    environment: tuple[ComparisonRow, ...]
    results: tuple[ComparisonRow, ...]

    @property
    def is_empty(self) -> bool:
        rows = (*self.equations, *self.recipe, *self.environment, *self.results)
        return not any(row.differs for row in rows if row.name != "seconds")


def compare_runs(run_a: RunRecord, run_b: RunRecord) -> RunDifference:
    """Compare two runs by their records.

    Raises:
        RunFolderError: a record is damaged.
    """
    with attribute_damage(run_a, run_b):
        return _compare_run_records(run_a, run_b)


def _compare_run_records(run_a: RunRecord, run_b: RunRecord) -> RunDifference:
    names = (run_a.name, run_b.name) if run_a.name != run_b.name else (f"{run_a.name} (1)", f"{run_b.name} (2)")
    recipes = tuple(dict(_flatten(_parse_recipe(run.recipe))) for run in (run_a, run_b))
    manifests = (run_a.manifest, run_b.manifest)
    equations = ({str(s["name"]): str(s["objective"]) for s in manifest["stages"]} for manifest in manifests)
    return RunDifference(
        names,
        tuple(_compare_values(*equations)),
        tuple(row for row in _compare_values(*recipes) if row.differs),
        tuple(row for row in _compare_values(*map(_collect_environment, manifests)) if row.differs),
        tuple(_compare_values(*map(_collect_results, manifests))),
    )


def describe_difference(difference: RunDifference) -> str:
    """Text of 80 columns."""
    lines = [f"A  {difference.names[0]}", f"B  {difference.names[1]}"]
    for row in difference.equations:
        lines += ["", row.name]
        for sign, text in (("A", row.value_a), ("B", row.value_b)) if row.differs else (("=", row.value_a),):
            lines += wrap_text(text, " " * 5, f"  {sign}  ")
    for title, rows in (("recipe", difference.recipe), ("environment", difference.environment)):
        lines += ["", title]
        for row in rows:
            lines += [
                *_wrap_value(row.name, "  "),
                *_wrap_value(row.value_a, "    A  "),
                *_wrap_value(row.value_b, "    B  "),
            ]
        lines += [] if rows else ["  no difference"]
    lines += ["", f"{'results':<34}{'A':>14}{'B':>14}{'B - A':>14}"]
    lines += [
        f"  {row.name[:32]:<32}{row.value_a[:13]:>14}{row.value_b[:13]:>14}{row.change:>14}"
        for row in difference.results
    ]
    lines = [escape_unprintable(line).rstrip() for line in lines]
    return "\n".join([*lines, *(["", "no difference except in training time"] if difference.is_empty else [])])


def _wrap_value(text: str, first_indent: str) -> list[str]:
    """A value in full, since the difference may be at its end."""
    indent = " " * len(first_indent)
    lines = wrap(escape_unprintable(text), TEXT_WIDTH, initial_indent=first_indent, subsequent_indent=indent)
    return lines or [first_indent]


def write_diff_page(path_a: Path, path_b: Path, target: Path) -> RunDifference:
    """Write a page of the differences, with sample images side by side.

    Raises:
        RunFolderError: a path is no run folder, or its record is damaged.
        OutputError: the page cannot be written.
    """
    runs = (read_run(path_a), read_run(path_b))
    difference = compare_runs(*runs)
    with attribute_damage(*runs):
        samples = list(_pair_sample_images(runs, difference.names))
        missing = [
            f"{sign}: {text}" for sign, run in zip("AB", runs, strict=True) for text in dict.fromkeys(run.missing)
        ]
        text = render_template("diff.html", difference=difference, samples=samples, missing=missing)
    write_text(target, text)
    return difference


def _pair_sample_images(runs: tuple[RunRecord, RunRecord], names: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """The samples of each stage that both runs have, of the last stage first."""
    stages = [str(stage["name"]) for stage in runs[0].manifest["stages"]]
    for stage in reversed(stages):
        both = [run.load_sample_images(stage) for run in runs]
        rows = [
            {f"{caption}, {'AB'[number]}": uri for number, images in enumerate(pair) for caption, uri in images.items()}
            for pair in zip(*both, strict=False)
        ]
        if rows:
            yield {"stage": stage, "rows": rows, "captions": list(rows[0]), "names": names}


def _compare_values(values_a: Mapping[str, Any], values_b: Mapping[str, Any]) -> Iterator[ComparisonRow]:
    for name in dict.fromkeys((*values_a, *values_b)):
        pair = values_a.get(name), values_b.get(name)
        shown = [_format_value(value) for value in pair]
        if pair[0] != pair[1] and shown[0] == shown[1]:  # they differ in later digits only
            shown = [repr(value) for value in pair]
        yield ComparisonRow(name, shown[0], shown[1], _format_change(*pair))


def _format_value(value: Any) -> str:
    if value is None:
        return ABSENT
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _format_change(value_a: Any, value_b: Any) -> str:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (value_a, value_b))
    return f"{value_b - value_a:+.4g}" if numbers and value_a != value_b else ""


def _parse_recipe(recipe: str) -> dict[str, Any]:
    try:
        return tomllib.loads(recipe)
    except tomllib.TOMLDecodeError:
        return {"recipe": "unreadable"}


def _flatten(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from _flatten(value, path)
        else:
            yield path, value


def _collect_environment(manifest: Manifest) -> dict[str, Any]:
    values: dict[str, Any] = {name: manifest.get(name) for name in ("device", "threads", "platform")}
    values |= {f"{name} version": version for name, version in manifest.get("versions", {}).items()}
    values |= {f"plugin {name}": provider for name, provider in manifest.get("plugins", {}).items()}
    data: Mapping[str, Any] = manifest.get("data", {})
    return values | {"images": data.get("images"), "data sha256": data.get("sha256")}


def _collect_results(manifest: Manifest) -> dict[str, Any]:
    result = manifest.get("result") or {}
    values = {name: value for name, value in result.get("fidelity", {}).items() if name != "measured_on"}
    values |= {name: metric.get("value") for name, metric in (result.get("metrics") or {}).items()}
    capacity = result.get("capacity", {})
    values["dead channels"] = capacity.get("channels", {}).get("dead")
    values["idle parameters"] = capacity.get("parameters", {}).get("idle")
    student: Mapping[str, Any] = result.get("student", {})
    return values | {
        "parameters": student.get("parameters"),
        "skipped steps": result.get("skipped_steps"),
        "seconds": result.get("seconds"),
        "student sha256": str(student.get("sha256", ABSENT))[:12],
    }
