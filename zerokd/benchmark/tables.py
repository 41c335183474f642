"""A benchmark as tables for papers, as CSV, and as a summary for a terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from attrs import asdict

from zerokd._version import __version__
from zerokd.benchmark.benchmark import Benchmark, SetResult
from zerokd.benchmark.entries import RESULTS_FILE, BenchmarkEntry
from zerokd.benchmark.resampling import CONFIDENCE, RESAMPLES
from zerokd.describe.comparison_markup import comparison_to_latex, comparison_to_markdown
from zerokd.describe.comparison_table import (
    BEST,
    UNRANKED_METHODS,
    ComparisonColumn,
    ComparisonTable,
    MachineRecord,
    build_cost_columns,
    build_sections,
    describe_origin,
    describe_software,
)
from zerokd.errors import escape_unprintable
from zerokd.files.atomic import write_text
from zerokd.files.record import check_record
from zerokd.student.enhance.summary import count_noun
from zerokd.student.evaluate.columns import MetricColumn
from zerokd.student.evaluate.cost import describe_machine
from zerokd.student.evaluate.evaluate import TRAINING_FACTS
from zerokd.student.evaluate.tables import describe_baselines, escape_formula, format_column_title, format_value

LINE_WIDTH, TITLE_WIDTH = 80, 10  # of the summary


def write_benchmark(benchmark: Benchmark, out: Path) -> tuple[str, ...]:
    """Write the tables and all values into a folder; return the names of the files.

    Raises:
        OutputError: a file cannot be written.
    """
    tables = build_tables(benchmark)
    texts = {
        "table.md": "\n\n".join(map(comparison_to_markdown, tables)),
        "table.tex": "\n\n".join(map(comparison_to_latex, tables)),
        "means.csv": means_to_csv(benchmark),
        "images.csv": images_to_csv(benchmark),
        RESULTS_FILE: json.dumps(benchmark.as_json(), indent=2),
    }
    for name, text in texts.items():
        write_text(out / name, text + "\n")
    return tuple(texts)


def build_tables(benchmark: Benchmark) -> tuple[ComparisonTable, ...]:
    """One table for each set of photos, then one of costs with the notes on all of them."""
    tables = [
        ComparisonTable(
            tuple(_build_column(result, column) for column in result.columns),
            build_sections(entry.name for entry in benchmark.entries),
            f"{result.photo_set.name}: mean over {_count_photos(result)}",
            tuple(_describe_set(result)),
            "",
        )
        for result in benchmark.results
    ]
    costs = {name: asdict(cost) for name, cost in benchmark.costs.items()}
    columns = tuple(build_cost_columns(costs))  # type: ignore[arg-type]
    notes = tuple(_describe_conditions(benchmark))
    command = escape_unprintable(benchmark.command)
    return *tables, ComparisonTable(columns, build_sections(costs), "Cost of each model", notes, command)


def _build_column(result: SetResult, column: MetricColumn) -> ComparisonColumn:
    cells = {}
    for entry in result.entries:
        interval = result.estimate_mean(entry, column)
        value, half_width = (format_value(number, column.name) for number in (interval.value, interval.half_width))
        cells[entry.name] = f"{value} ± {half_width}"
    ranks = {entry.name: BEST for entry in find_leaders(result, column)}
    return ComparisonColumn(column.group, format_column_title(column.name), column.better, cells, ranks)


def find_leaders(result: SetResult, column: MetricColumn) -> tuple[BenchmarkEntry, ...]:
    """The best entry of a column, then those whose difference from it may be noise. The input takes no part: it has the
    least cast and clips nothing because nothing was done."""
    ranked = (entry for entry in result.entries if entry.name not in UNRANKED_METHODS)
    return result.find_best(column, ranked)


def _count_photos(result: SetResult) -> str:
    return count_noun(len(result.evaluation.values), "photo")


def _describe_set(result: SetResult) -> Iterator[str]:
    for entry in result.entries:
        deviations = {column.name: result.measure_seed_deviation(entry, column) for column in result.columns}
        parts = [
            f"{format_column_title(name)} {format_value(value, name)}"
            for name, value in deviations.items()
            if value is not None
        ]
        if parts:
            yield f"Standard deviation over the seeds of {entry.name}: {', '.join(parts)}."
    if result.evaluation.failures:
        yield f"Without {count_noun(len(result.evaluation.failures), 'photo')} that could not be measured."


def _describe_conditions(benchmark: Benchmark) -> Iterator[str]:
    """What the intervals mean, and what the numbers depend on."""
    yield (
        f"±: half of the {CONFIDENCE:.0%} bootstrap interval over photos and seeds, {RESAMPLES} resamples. Bold: the "
        f"best value, and all whose difference from it, photo by photo, may be noise; the input is not ranked."
    )
    single = [entry.name for entry in benchmark.entries if len(entry.seeds) == 1]
    if single:
        yield f"One seed, so that the variance of training is not in the interval: {', '.join(single)}."
    yield f"Without training: {' '.join(describe_baselines())}."
    for entry in benchmark.entries:
        for method in entry.methods:
            if method.digest:
                training = {key: method.facts[key] for key in TRAINING_FACTS if key in method.facts}
                yield describe_origin(method.name, training, method.digest)
    yield describe_software(__version__, check_record(MachineRecord, describe_machine()))


def means_to_csv(benchmark: Benchmark) -> str:
    """A line for each set, entry and column: mean, interval, deviation over seeds, and whether it leads."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["set", "method", "column", "mean", "low", "high", "seeds", "seed_deviation", "leads"])
    for result in benchmark.results:
        for column in result.columns:
            leaders = find_leaders(result, column)
            for entry in result.entries:
                interval, deviation = result.estimate_mean(entry, column), result.measure_seed_deviation(entry, column)
                names = [escape_formula(result.photo_set.name), escape_formula(entry.name), column.key]
                numbers = [interval.value, interval.low, interval.high, len(entry.methods)]
                writer.writerow([*names, *numbers, "" if deviation is None else deviation, int(entry in leaders)])
    return file.getvalue().rstrip("\n")


def images_to_csv(benchmark: Benchmark) -> str:
    """A line for each set, photo and method; a recipe has a method for each seed."""
    file = io.StringIO()
    columns = dict.fromkeys(column.key for result in benchmark.results for column in result.columns)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["set", "photo", "method", *columns])
    for result in benchmark.results:
        for photo, rows in result.evaluation.values.items():
            for method, values in rows.items():
                names = (result.photo_set.name, photo, method)
                writer.writerow([*map(escape_formula, names), *(values.get(key, "") for key in columns)])
    return file.getvalue().rstrip("\n")


def describe_benchmark(benchmark: Benchmark) -> Iterator[str]:
    """For each set and metric the best entry, and a line of those whose difference from it may be noise."""
    for result in benchmark.results:
        yield f"{result.photo_set.name}, {_count_photos(result)}"
        for column in result.columns:
            leaders = find_leaders(result, column)
            if leaders:
                interval = result.estimate_mean(leaders[0], column)
                value, half = (format_value(number, column.name) for number in (interval.value, interval.half_width))
                yield f"  {format_column_title(column.name):<{TITLE_WIDTH}}{value} ± {half}  {leaders[0].name}"
            if len(leaders) > 1:
                yield _join_names("may be as good:", [entry.name for entry in leaders[1:]])


def _join_names(title: str, names: list[str]) -> str:
    """A line of as many names as fit."""
    line = f"  {'':<{TITLE_WIDTH}}{title} "
    for number, name in enumerate(names):
        rest = f" and {len(names) - number} more"
        if number and len(line) + len(name) + len(rest) > LINE_WIDTH:
            return line.removesuffix(", ") + rest
        line += f"{name}, "
    return line.removesuffix(", ")
