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
from zerokd.recipe.build.static_checks import checked
from zerokd.recipe.toml.document import Document
from zerokd.sweep.goals import Goal, goals_of
from zerokd.sweep.pruning import pruner
from zerokd.sweep.results import PAGE, Results, write
from zerokd.sweep.shared import split
from zerokd.sweep.space import Axis, Choice, Point, grid, laid, read_choice, read_span
from zerokd.sweep.study import IDENTITY, Plan, open_study, rows
from zerokd.sweep.worker import Worker

STORAGE = "sweep.db"


@frozen
class Asked:
    """What the command line says: ``grid`` and ``ranges`` as written, at most one of ``random`` and ``tpe``."""

    grid: Sequence[str] = ()
    ranges: Sequence[str] = ()
    random: int | None = None
    tpe: int | None = None
    goals: Sequence[str] = ()
    prune: str | None = None


def run(
    document: Document,
    catalogue: Catalogue,
    asked: Asked,
    out: Path,
    storage: str | None,
    device: str,
    say: Callable[[str], None],
) -> Results:
    """Work at a sweep until all of its points are done, as one of any number of workers.

    Raises:
        RecipeError: what is asked makes no sense, no point fits the recipe, or the storage holds another sweep.
        StoppedError: the worker was asked to stop.
        OutputError: the folder or the storage cannot be used.
    """
    axes = axes_of(document, asked)
    components = _some(document, catalogue, axes)
    points = points_of(axes, asked, components.seed)
    goals = goals_of(components, asked.goals)
    plan = Plan(
        components.name,
        axes,
        goals,
        _identity(document, asked, components.seed, goals),
        points,
        asked.tpe or 0,
        components.seed,
        pruner(components, goals, asked.prune),
        asked.prune,
    )
    parts = split(components, document, [axis.key for axis in axes])
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise OutputError(f"cannot make the folder {str(out)!r}: {fault.strerror}") from fault
    with FileLock(out / "sweep.lock"):  # two that make one database at a moment would get in each other's way
        study = open_study(plan, address(out, storage))
    count = len(points) or f"{asked.tpe} chosen"
    say(f"sweep of {plan.name}: {count} points -> {out}")
    if parts.shared:
        say(f"{', '.join(parts.shared)}: trained once, no point changes it")
    try:
        Worker(plan, document, catalogue, parts, out, device, say).work(study)
    finally:
        found = Results(plan.name, plan.goals, rows(study))
        write(found, document, out)
    say(f"report: {out / PAGE}")
    return found


def status(out: Path, name: str, storage: str | None) -> Results:
    """A sweep as it stands; nothing is run.

    Raises:
        OutputError: there is none.
    """
    given = address(out, storage)
    if storage is None and not (out / STORAGE).exists():
        hint = "start it, or name its --out or --storage"
        raise OutputError(Problem(f"there is no sweep in {str(out)!r}", hints=(hint,)))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.load_study(study_name=name, storage=given)
    except KeyError as fault:
        raise OutputError(Problem(f"the storage {given!r} holds no sweep {name!r}")) from fault
    return Results(name, [Goal(**one) for one in study.user_attrs[IDENTITY]["goals"]], rows(study))


def address(out: Path, storage: str | None) -> str:
    """Where the points are kept: a file in the sweep's folder, or a database of its own."""
    return storage or f"sqlite:///{out / STORAGE}"


def axes_of(document: Document, asked: Asked) -> list[Axis]:
    """What is varied.

    Raises:
        RecipeError: nothing, or in a way that does not fit how points are chosen.
    """
    axes: list[Axis] = [read_choice(text, document) for text in asked.grid]
    axes += [read_span(text, document) for text in asked.ranges]
    if asked.random and asked.tpe:
        hint = "give one of them"
        raise RecipeError(Problem("--random and --tpe both choose points", hints=(hint,), code="setting"))
    if asked.ranges and not (asked.random or asked.tpe):
        hint = "say how many points are drawn: --random N, or --tpe N"
        raise RecipeError(Problem("a --range has no end of points", hints=(hint,), code="setting"))
    if not axes:
        raise RecipeError(Problem("nothing is varied", hints=("write --grid alpha=0.3,0.35,0.4",), code="setting"))
    return axes


def points_of(axes: Sequence[Axis], asked: Asked, seed: int) -> list[dict[str, object]]:
    """All points, where they are known beforehand: a grid, or random ones, which depend on the recipe's seed alone."""
    if asked.tpe:
        return []
    if not asked.random:
        return grid([axis for axis in axes if isinstance(axis, Choice)])
    generator = np.random.default_rng(seed)
    return [{axis.key: _drawn(axis, generator) for axis in axes} for _ in range(asked.random)]


def _drawn(axis: Axis, generator: np.random.Generator) -> object:
    if isinstance(axis, Choice):
        return axis.values[int(generator.integers(len(axis.values)))]
    if axis.whole and not axis.log:
        return int(generator.integers(int(axis.low), int(axis.high) + 1))
    low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)
    number = float(generator.uniform(low, high))
    number = min(max(math.exp(number), axis.low), axis.high) if axis.log else number
    return round(number) if axis.whole else number


def _some(document: Document, catalogue: Catalogue, axes: Sequence[Axis]) -> Components:
    """The recipe as it stands, or at the first corner of the space that fits it: what all points have in common."""
    ends = [Choice(one.key, one.values if isinstance(one, Choice) else (one.low, one.high)) for one in axes]
    points: list[Point] = [{}, *grid(ends)]
    first: RecipeError | None = None
    for point in points:
        try:
            return checked(laid(document, point), catalogue)[1]
        except RecipeError as fault:
            first = first or fault
    assert first is not None
    raise first


def _identity(document: Document, asked: Asked, seed: int, goals: Sequence[Goal]) -> dict[str, object]:
    """What has to be the same for two workers to work at one sweep."""
    text = json.dumps(document.tables, sort_keys=True, default=str)
    how: dict[str, object] = {
        "recipe": hashlib.sha256(text.encode()).hexdigest(),
        "grid": list(asked.grid),
        "range": list(asked.ranges),
    }
    how |= {"random": asked.random, "tpe": asked.tpe, "prune": asked.prune, "seed": seed}
    return how | {"goals": [attrs.asdict(goal) for goal in goals]}
