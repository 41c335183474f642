"""A sweep from its command to its folder: planned, worked at, and told of."""

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
from zerokd.sweep.shared_stages import split_stages
from zerokd.sweep.search_space import Choice, Point, SearchAxis, apply_point, build_grid, parse_choice, parse_numeric_range
from zerokd.sweep.study import IDENTITY, SweepPlan, collect_point_records, open_study
from zerokd.sweep.worker import SweepWorker

STORAGE_FILE = "sweep.db"


@frozen
class SweepOptions:
    """What the command line says: ``grid`` and ``ranges`` as written, at most one of ``random`` and ``tpe``."""

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
    """Work at a sweep until all of its points are done, as one of any number of workers.

    Raises:
        RecipeError: what is asked makes no sense, no point fits the recipe, or the storage holds another sweep.
        StoppedError: the worker was asked to stop.
        OutputError: the folder or the storage cannot be used.
    """
    axes = parse_axes(document, options)
    components = _build_representative_components(document, catalogue, axes)
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
    parts = split_stages(components, document, [axis.key for axis in axes])
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {str(out)!r}: {error.strerror}") from error
    with FileLock(out / "sweep.lock"):  # two that make one database at a moment would get in each other's way
        study = open_study(plan, storage_url(out, storage))
    count = len(points) or f"{options.tpe} chosen"
    report(f"sweep of {plan.name}: {count} points -> {out}")
    if parts.shared:
        report(f"{', '.join(parts.shared)}: trained once, no point changes it")
    try:
        SweepWorker(plan, document, catalogue, parts, out, device, report).work(study)
    finally:
        found = SweepResults(plan.name, plan.goals, collect_point_records(study))
        write_results(found, document, out)
    report(f"report: {out / SWEEP_REPORT_FILE}")
    return found


def load_results(out: Path, name: str, storage: str | None) -> SweepResults:
    """A sweep as it stands; nothing is run.

    Raises:
        OutputError: there is none.
    """
    given = storage_url(out, storage)
    if storage is None and not (out / STORAGE_FILE).exists():
        hint = "start it, or name its --out or --storage"
        raise OutputError(Problem(f"there is no sweep in {str(out)!r}", hints=(hint,)))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.load_study(study_name=name, storage=given)
    except KeyError as error:
        raise OutputError(Problem(f"the storage {given!r} holds no sweep {name!r}")) from error
    return SweepResults(
        name, [Goal(**user_attr) for user_attr in study.user_attrs[IDENTITY]["goals"]], collect_point_records(study)
    )


def storage_url(out: Path, storage: str | None) -> str:
    """Where the points are kept: a file in the sweep's folder, or a database of its own."""
    return storage or f"sqlite:///{out / STORAGE_FILE}"


def parse_axes(document: Document, options: SweepOptions) -> list[SearchAxis]:
    """What is varied.

    Raises:
        RecipeError: nothing, or in a way that does not fit how points are chosen.
    """
    axes: list[SearchAxis] = [parse_choice(text, document) for text in options.grid]
    axes += [parse_numeric_range(text, document) for text in options.ranges]
    if options.random and options.tpe:
        hint = "give one of them"
        raise RecipeError(Problem("--random and --tpe both choose points", hints=(hint,), code="setting"))
    if options.ranges and not (options.random or options.tpe):
        hint = "say how many points are drawn: --random N, or --tpe N"
        raise RecipeError(Problem("a --range has no end of points", hints=(hint,), code="setting"))
    if not axes:
        raise RecipeError(Problem("nothing is varied", hints=("write --grid alpha=0.3,0.35,0.4",), code="setting"))
    return axes


def enumerate_points(axes: Sequence[SearchAxis], options: SweepOptions, seed: int) -> list[dict[str, object]]:
    """All points, where they are known beforehand: a grid, or random ones, which depend on the recipe's seed alone."""
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


def _build_representative_components(
    document: Document, catalogue: Catalogue, axes: Sequence[SearchAxis]
) -> Components:
    """The recipe as it stands, or at the first corner of the space that fits it: what all points have in common."""
    ends = [Choice(axis.key, axis.values if isinstance(axis, Choice) else (axis.low, axis.high)) for axis in axes]
    points: list[Point] = [{}, *build_grid(ends)]
    first: RecipeError | None = None
    for point in points:
        try:
            return check_recipe(apply_point(document, point), catalogue)[1]
        except RecipeError as error:
            first = first or error
    assert first is not None
    raise first


def _compute_identity(document: Document, options: SweepOptions, seed: int, goals: Sequence[Goal]) -> dict[str, object]:
    """What has to be the same for two workers to work at one sweep."""
    text = json.dumps(document.tables, sort_keys=True, default=str)
    how: dict[str, object] = {
        "recipe": hashlib.sha256(text.encode()).hexdigest(),
        "grid": list(options.grid),
        "range": list(options.ranges),
    }
    how |= {"random": options.random, "tpe": options.tpe, "prune": options.prune, "seed": seed}
    return how | {"goals": [attrs.asdict(goal) for goal in goals]}
