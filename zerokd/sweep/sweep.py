"""Run a sweep: from the command line's options to the results in its folder."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import numpy as np
import optuna
from attrs import frozen
from filelock import FileLock

from zerokd.errors import OutputError, Problem, RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.recipe.build.components import Components
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.document import Document
from zerokd.sweep.objectives import Goal, select_goals
from zerokd.sweep.pruning import build_pruner
from zerokd.sweep.results import SWEEP_REPORT_FILE, SweepResults, write_results
from zerokd.sweep.search_space import (
    Choice,
    Point,
    SearchAxis,
    apply_point,
    build_grid,
    parse_choice,
    parse_numeric_range,
)
from zerokd.sweep.shared_stages import split_stages
from zerokd.sweep.study import IDENTITY, SweepPlan, collect_point_records, open_study
from zerokd.sweep.worker import SweepWorker

STORAGE_FILE = "sweep.db"


@frozen
class SweepOptions:
    """Options of the command line: ``grid`` and ``ranges`` unparsed, and ``random`` or ``tpe``, or neither."""

    grid: Sequence[str] = ()
    ranges: Sequence[str] = ()
    random: int | None = None
    tpe: int | None = None
    goals: Sequence[str] = ()
    prune: str | None = None


def run_sweep(
    document: Document,
    catalogue: Catalogue,
    options: SweepOptions,
    out: Path,
    storage: str | None,
    device: str,
    report: Callable[[str], None],
) -> SweepResults:
    """Work on a sweep until all of its points have a result; any number of workers may do so at once.

    Raises:
        RecipeError: the options contradict each other, no point is valid, or the storage holds another sweep.
        StoppedError: a signal stopped the worker.
        OutputError: the folder or the storage cannot be used.
    """
    axes = parse_axes(document, options)
    representative, components = _build_representative(document, catalogue, axes)
    points = enumerate_points(axes, options, components.seed)
    goals = select_goals(components, options.goals)
    plan = SweepPlan(
        components.name,
        axes,
        goals,
        _compute_identity(document, options, components.seed, goals),
        points,
        options.tpe or 0,
        components.seed,
        build_pruner(components, goals, options.prune),
        options.prune,
    )
    stage_split = split_stages(components, document, [axis.key for axis in axes])
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create the folder {str(out)!r}: {error.strerror}") from error
    with FileLock(out / "sweep.lock"):  # two workers must not create one database at once
        study = open_study(plan, storage_url(out, storage))
    count = len(points) or options.tpe
    report(f"sweep of {plan.name}: {count} points -> {out}")
    if stage_split.shared:
        report(f"{', '.join(stage_split.shared)}: trained once and shared by all points")
    try:
        SweepWorker(plan, document, representative, catalogue, stage_split, out, device, report).work(study)
    finally:
        results = SweepResults(plan.name, plan.goals, collect_point_records(study))
        write_results(results, document, out)
    report(f"report: {out / SWEEP_REPORT_FILE}")
    return results


def load_results(out: Path, name: str, storage: str | None) -> SweepResults:
    """The results of a sweep so far; runs nothing.

    Raises:
        OutputError: there is no such sweep.
    """
    url = storage_url(out, storage)
    if storage is None and not (out / STORAGE_FILE).exists():
        hint = "start one, or give its --out or --storage"
        raise OutputError(Problem(f"no sweep in {str(out)!r}", hints=(hint,)))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.load_study(study_name=name, storage=url)
    except KeyError as error:
        raise OutputError(Problem(f"the storage {url!r} holds no sweep {name!r}")) from error
    goals = [Goal(**goal) for goal in study.user_attrs[IDENTITY]["goals"]]
    return SweepResults(name, goals, collect_point_records(study))


def storage_url(out: Path, storage: str | None) -> str:
    """The database of the study: by default a file in the sweep's folder."""
    return storage or f"sqlite:///{out / STORAGE_FILE}"


def parse_axes(document: Document, options: SweepOptions) -> list[SearchAxis]:
    """The axes of the search space.

    Raises:
        RecipeError: there is none, or the options contradict each other.
    """
    axes: list[SearchAxis] = [parse_choice(text, document) for text in options.grid]
    axes += [parse_numeric_range(text, document) for text in options.ranges]
    if options.random and options.tpe:
        hint = "use only one of the two"
        raise RecipeError(Problem("--random and --tpe both choose points", hints=(hint,), code="setting"))
    if options.ranges and not (options.random or options.tpe):
        hint = "add --random N or --tpe N"
        raise RecipeError(Problem("--range needs a number of points", hints=(hint,), code="setting"))
    if not axes:
        raise RecipeError(Problem("the sweep varies no key", hints=("add --grid alpha=0.3,0.35,0.4",), code="setting"))
    return axes


def enumerate_points(axes: Sequence[SearchAxis], options: SweepOptions, seed: int) -> list[dict[str, object]]:
    """All points if they are known in advance: a grid, or random points, which depend only on the recipe's seed."""
    if options.tpe:
        return []
    if not options.random:
        return build_grid([axis for axis in axes if isinstance(axis, Choice)])
    generator = np.random.default_rng(seed)
    return [{axis.key: _draw_value(axis, generator) for axis in axes} for _ in range(options.random)]


def _draw_value(axis: SearchAxis, generator: np.random.Generator) -> object:
    if isinstance(axis, Choice):
        return axis.values[int(generator.integers(len(axis.values)))]
    if axis.is_integer and not axis.log:
        return int(generator.integers(int(axis.low), int(axis.high) + 1))
    low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)
    number = float(generator.uniform(low, high))
    number = min(max(math.exp(number), axis.low), axis.high) if axis.log else number
    return round(number) if axis.is_integer else number


def _build_representative(
    document: Document, catalogue: Catalogue, axes: Sequence[SearchAxis]
) -> tuple[Document, Components]:
    """The recipe and its components, at the first corner of the search space if the recipe itself is invalid."""
    corners = [Choice(axis.key, axis.values if isinstance(axis, Choice) else (axis.low, axis.high)) for axis in axes]
    points: list[Point] = [{}, *build_grid(corners)]
    first_error: RecipeError | None = None
    for point in points:
        at_point = apply_point(document, point)
        try:
            return at_point, check_recipe(at_point, catalogue)[1]
        except RecipeError as error:
            first_error = first_error or error
    assert first_error is not None
    raise first_error


def _compute_identity(document: Document, options: SweepOptions, seed: int, goals: Sequence[Goal]) -> dict[str, object]:
    """What two workers must agree on to share a study."""
    text = json.dumps(document.tables, sort_keys=True, default=str)
    return {
        "recipe": hashlib.sha256(text.encode()).hexdigest(),
        "grid": list(options.grid),
        "range": list(options.ranges),
        "random": options.random,
        "tpe": options.tpe,
        "prune": options.prune,
        "seed": seed,
        "goals": [attrs.asdict(goal) for goal in goals],
    }
