"""What params, weights and ``when`` come to at every step of a stage: known, and checked, before the first one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import numpy as np

from zerokd.equation.expression import EquationError, Expression, Series, evaluate, names
from zerokd.errors import Place, Problem, RecipeError
from zerokd.objective.term import ActiveSteps
from zerokd.plugin.blame import blame
from zerokd.plugin.clock import UNITS, Clock
from zerokd.plugin.contracts import Schedule

Changing = float | Schedule | Expression


def series(what: str, value: float | Schedule, clock: Clock) -> Series:
    """A number as it is, a schedule as its number at every step.

    Raises:
        RecipeError: the schedule does not fit a stage of this length, or gives something else than finite numbers.
    """
    if not isinstance(value, Schedule):
        return float(value)
    steps = np.arange(clock.steps, dtype=np.float64)
    try:
        with blame(f"the schedule of {what}", ValueError):
            found = np.asarray(value.values(steps, clock), dtype=np.float64)
    except ValueError as fault:
        raise RecipeError(Problem(f"{what}: {fault}", code="schedule")) from None
    if found.shape != steps.shape:
        text = f"the schedule of {what} gives shape {found.shape} for {clock.steps} steps"
        raise RecipeError(Problem(text, code="schedule"))
    if not np.isfinite(found).all():
        first = int(np.flatnonzero(~np.isfinite(found))[0])
        raise RecipeError(Problem(f"{what} is {found[first]} at {clock.tell(first)}", code="schedule"))
    return found


def overruns(what: str, value: object, clock: Clock) -> list[str]:
    """What a schedule says of moments after the stage's last step: nothing of it happens."""
    if not isinstance(value, Schedule):
        return []
    given = value.config.model_dump(by_alias=True).items()
    written = [(key, one) for key, some in given for one in (some if isinstance(some, tuple | list) else (some,))]
    late = [(key, one) for key, one in written if isinstance(one, str) and re.fullmatch(UNITS, one)]
    return [
        f"{what}: {key} = {one!r} is step {clock.count(one)}, and a stage that uses it has {clock.steps}"
        for key, one in late
        if clock.count(one) > clock.steps
    ]


def weight_series(what: str, value: float | Schedule, clock: Clock) -> Series:
    """The same for a weight, which is never negative."""
    found = series(what, value, clock)
    low = np.flatnonzero(np.atleast_1d(found) < 0)
    if low.size:
        at = f" at {clock.tell(int(low[0]))}" if isinstance(found, np.ndarray) else ""
        text = f"{what} is {np.atleast_1d(found)[low[0]]:g}{at}"
        raise RecipeError(Problem(text, hints=("a weight must be at least 0",), code="schedule"))
    return found


def active(when: ActiveSteps | None, clock: Clock) -> np.ndarray | None:
    """At which steps a term is computed; None: at all.

    Raises:
        RecipeError: at none.
    """
    if when is None:
        return None
    first, every = clock.count(when.begin), clock.count(when.every)
    last = clock.count(when.until) if when.until is not None else clock.steps
    if every < 1:
        raise RecipeError(Problem(f"when.every: {when.every!r} is less than one step", code="schedule"))
    steps = np.arange(clock.steps)
    found = (steps >= first) & (steps < last) & ((steps - first) % every == 0)
    if not found.any():
        text = f"when: no step of {clock.steps} is from step {first} on and before step {last}"
        text = (
            f"when: until, step {last}, does not come after from, step {first}"
            if when.until is not None and last <= first
            else text
        )
        raise RecipeError(Problem(text, hints=("steps and epochs count from the start of the stage",), code="schedule"))
    return found


def circular(params: Mapping[str, Changing]) -> list[str]:
    """Params that are made of each other in a circle, each before the one it needs, the first one again at the end."""
    try:
        TopologicalSorter(_needs(params)).prepare()
    except CycleError as fault:
        return list(reversed(fault.args[1]))
    return []


def _needs(params: Mapping[str, Changing]) -> dict[str, set[str]]:
    return {name: set() if isinstance(one, float | Schedule) else set(names(one)) for name, one in params.items()}


def param_series(
    params: Mapping[str, Changing], wanted: Iterable[str], clock: Clock, place: Callable[[str], Place]
) -> dict[str, Series]:
    """The wanted params, and those they are made of, at every step of a stage. ``place`` tells where one stands.

    Raises:
        RecipeError: a schedule does not fit; a param that is made of others divides by zero, or is not finite.
    """
    needs, todo = _needs(params), list(wanted)
    used: dict[str, set[str]] = {}
    while todo:
        name = todo.pop()
        if name not in used:
            used[name] = needs[name]
            todo += needs[name]
    found: dict[str, Series] = {}
    for name in TopologicalSorter(used).static_order():
        one = params[name]
        try:
            found[name] = (
                series(f"params.{name}", one, clock) if isinstance(one, float | Schedule) else evaluate(one, found)
            )
        except EquationError as error:
            raise RecipeError(Problem(f"params.{name}: {error.message}", place(name), code="equation")) from None
        except RecipeError as error:
            raise error.at(place(name)) from None
    return found
