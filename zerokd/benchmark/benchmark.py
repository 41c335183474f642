"""A benchmark: every entry measured on every set of photos, and what the numbers are worth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from attrs import asdict, define, field, frozen

from zerokd._version import __version__
from zerokd.benchmark.entries import BenchmarkEntry
from zerokd.benchmark.resampling import CONFIDENCE, RESAMPLES, Interval, Numbers, Resampling, estimate_interval
from zerokd.errors import Problem, RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.student.enhance.inputs import FileReport
from zerokd.student.evaluate.columns import MetricColumn, build_columns, has_target
from zerokd.student.evaluate.cost import ModelCost, describe_machine
from zerokd.student.evaluate.evaluate import PhotoEvaluation, evaluate_methods, measure_costs, pair_photos
from zerokd.student.evaluate.methods import BASELINE_NAMES
from zerokd.training.step_log import replace_nonfinite

REFERENCE_METRICS = ("gt_mean_ssim",)  # beside those of `zerokd evaluate`, where there are references


@frozen
class PhotoSet:
    """A folder with ``count`` photos, and one of ``references`` with the same names, or None."""

    name: str
    count: int
    photos: Path
    references: Path | None = None


@define(eq=False)
class SetResult:
    """All measurements on a set of photos. Intervals and differences use the same resamples of its photos."""

    photo_set: PhotoSet
    evaluation: PhotoEvaluation
    entries: tuple[BenchmarkEntry, ...]
    _resamples: dict[tuple[str, str], Numbers] = field(factory=dict, init=False)

    @property
    def columns(self) -> tuple[MetricColumn, ...]:
        return self.evaluation.columns

    def find_scores(self, entry: BenchmarkEntry, column: MetricColumn) -> Numbers:
        """(seeds, photos)"""
        rows = self.evaluation.values.values()
        return np.array([[row[method.name][column.key] for row in rows] for method in entry.methods])

    def estimate_mean(self, entry: BenchmarkEntry, column: MetricColumn) -> Interval:
        """The mean over photos and seeds."""
        return estimate_interval(self._mean(entry, column), self._resample(entry, column))

    def compare(self, first: BenchmarkEntry, second: BenchmarkEntry, column: MetricColumn) -> Interval:
        """The mean of the first entry minus that of the second, photo by photo."""
        value = self._mean(first, column) - self._mean(second, column)
        return estimate_interval(value, self._resample(first, column) - self._resample(second, column))

    def measure_seed_deviation(self, entry: BenchmarkEntry, column: MetricColumn) -> float | None:
        """The standard deviation over seeds of the mean over photos; None for one seed."""
        means = self.find_scores(entry, column).mean(1)
        return float(means.std(ddof=1)) if len(means) > 1 else None

    def find_best(self, column: MetricColumn, entries: Iterable[BenchmarkEntry]) -> tuple[BenchmarkEntry, ...]:
        """The best entry first, then those whose difference from it may be noise; none if no value is better."""
        finite = [entry for entry in entries if np.isfinite(self.find_scores(entry, column)).all()]
        if not column.better or not finite:
            return ()
        sign = -1 if column.better == "higher" else 1
        ordered = sorted(finite, key=lambda entry: sign * self._mean(entry, column))
        best = ordered[0]
        return best, *(entry for entry in ordered[1:] if self.compare(best, entry, column).includes_zero)

    def _mean(self, entry: BenchmarkEntry, column: MetricColumn) -> float:
        return float(self.find_scores(entry, column).mean())

    def _resample(self, entry: BenchmarkEntry, column: MetricColumn) -> Numbers:
        key = entry.name, column.key
        if key not in self._resamples:
            scores, stream = self.find_scores(entry, column), self.entries.index(entry)
            self._resamples[key] = self._resampling.resample_means(scores, stream)
        return self._resamples[key]

    @cached_property
    def _resampling(self) -> Resampling:
        return Resampling(len(self.evaluation.values))

    def as_json(self) -> dict[str, Any]:
        """The evaluation as ``zerokd evaluate --json`` writes it, the means and the differences of all pairs."""
        means = {
            entry.name: {
                column.key: asdict(self.estimate_mean(entry, column))
                | {"seed_deviation": self.measure_seed_deviation(entry, column)}
                for column in self.columns
            }
            for entry in self.entries
        }
        differences = [
            {"first": first.name, "second": second.name, "column": column.key}
            | asdict(interval := self.compare(first, second, column))
            | {"may_be_noise": interval.includes_zero}
            for column in self.columns
            for first, second in combinations(self.entries, 2)
        ]
        return {"evaluation": self.evaluation.as_json(), "means": means, "differences": differences}


@define(eq=False)
class Benchmark:
    """The results of all entries on all sets of photos; ``command`` repeats it."""

    entries: tuple[BenchmarkEntry, ...]
    results: tuple[SetResult, ...]
    costs: Mapping[str, ModelCost]
    command: str = ""

    @property
    def failures(self) -> dict[str, str]:
        """The photos that could not be measured, as SET/PHOTO, with the reason."""
        return {
            f"{result.photo_set.name}/{name}": reason
            for result in self.results
            for name, reason in result.evaluation.failures.items()
        }

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data; NaN and infinities become null."""
        return dict(
            replace_nonfinite(
                {
                    "zerokd": __version__,
                    "machine": describe_machine(),
                    "command": self.command or None,
                    "bootstrap": {"resamples": RESAMPLES, "confidence": CONFIDENCE},
                    "entries": {
                        entry.name: {"baseline": entry.name in BASELINE_NAMES, "seeds": list(entry.seeds)}
                        for entry in self.entries
                    },
                    "costs": {name: asdict(cost) for name, cost in self.costs.items()},
                    "sets": {result.photo_set.name: result.as_json() for result in self.results},
                }
            )
        )


def name_photo_sets(pairs: Iterable[tuple[Path, Path]], photos: Iterable[Path]) -> tuple[PhotoSet, ...]:
    """The sets, named as their folders of photos; by more of the path where two folders have one name.

    Raises:
        RecipeError: no set, or one folder twice.
        DataError: a folder does not exist, or has no photo.
    """
    chosen: list[tuple[Path, Path | None]] = [*pairs, *((folder, None) for folder in photos)]
    if not chosen:
        raise RecipeError(Problem("nothing to measure on", hints=("give --pairs LOW REFERENCES or --photos DIR",)))
    resolved = [folder.resolve() for folder, _ in chosen]
    for folder in resolved:
        if resolved.count(folder) > 1:
            raise RecipeError(f"{str(folder)!r} is given twice")
    paths = [Path(os.path.abspath(folder)) for folder, _ in chosen]  # a link has the name that its owner chose
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return tuple(
        PhotoSet("/".join(path.parts[-depth:]), sum(map(len, pair_photos(*folders))), *folders)
        for path, folders in zip(paths, chosen, strict=True)
    )


def build_set_columns(
    catalogue: Catalogue, photo_sets: Iterable[PhotoSet], metric_names: Sequence[str] = ()
) -> dict[bool, tuple[MetricColumn, ...]]:
    """The columns of sets by whether they have references. A metric that compares images measures those that have.

    Raises:
        RecipeError: no such metric exists, or no set has what it compares with.
    """
    columns: dict[bool, tuple[MetricColumn, ...]] = {}
    for has_references in sorted({photo_set.references is not None for photo_set in photo_sets}, reverse=True):
        names = [name for name in metric_names if has_references or not columns or not has_target(catalogue, name)]
        defaults = REFERENCE_METRICS if has_references else ()
        columns[has_references] = build_columns(catalogue, has_references, False, (*defaults, *names))
    return columns


def measure_entries(
    entries: Sequence[BenchmarkEntry],
    photo_sets: Sequence[PhotoSet],
    columns: Mapping[bool, tuple[MetricColumn, ...]],
    report: Callable[[FileReport], None] = lambda file_report: None,
) -> Benchmark:
    """Measure every entry on every photo in full size, and the cost of each model once.

    Args:
        columns: those of a set by whether it has references, as :func:`build_set_columns` returns them.

    Raises:
        DataError: no photo of a set could be measured.
    """
    methods = [method for entry in entries for method in entry.methods]
    results = []
    for photo_set in photo_sets:
        own = columns[photo_set.references is not None]
        evaluation = evaluate_methods(photo_set.photos, photo_set.references, methods, None, own, report)
        results.append(SetResult(photo_set, evaluation, tuple(entries)))
    costs = {entry.name: cost for entry in entries for cost in measure_costs(entry.methods[:1]).values()}
    return Benchmark(tuple(entries), tuple(results), costs)
