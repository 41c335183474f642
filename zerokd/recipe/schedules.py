"""What params, weights and ``when`` come to at every step of a stage: known, and checked, before the first one."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import numpy as np

from zerokd.errors import Problem, RecipeError
from zerokd.plugin.blame import blame
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Schedule
from zerokd.recipe.expression import Expression, Series, evaluate, names
from zerokd.recipe.schema import When

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
        raise RecipeError(f"{what}: {fault}") from None
    if found.shape != steps.shape:
        raise RecipeError(f"the schedule of {what} gives shape {found.shape} for {clock.steps} steps")
    if not np.isfinite(found).all():
        first = int(np.flatnonzero(~np.isfinite(found))[0])
        raise RecipeError(f"{what} is {found[first]} at {clock.tell(first)}")
    return found


def weight_series(what: str, value: float | Schedule, clock: Clock) -> Series:
    """The same for a weight, which is never negative."""
    found = series(what, value, clock)
    low = np.flatnonzero(np.atleast_1d(found) < 0)
    if low.size:
        at = f" at {clock.tell(int(low[0]))}" if isinstance(found, np.ndarray) else ""
        text = f"{what} is {np.atleast_1d(found)[low[0]]:g}{at}"
        raise RecipeError(Problem(text, hints=("a weight must be at least 0",)))
    return found


def active(when: When | None, clock: Clock) -> np.ndarray | None:
    """At which steps a term is computed; None: at all.

    Raises:
        RecipeError: at none.
    """
    if when is None:
        return None
    first, every = clock.count(when.begin), clock.count(when.every)
    last = clock.count(when.until) if when.until is not None else clock.steps
    if every < 1:
        raise RecipeError(f"when.every: {when.every!r} is less than one step")
    steps = np.arange(clock.steps)
    found = (steps >= first) & (steps < last) & ((steps - first) % every == 0)
    if not found.any():
        text = f"when: no step of {clock.steps} is from step {first} on and before step {last}"
        raise RecipeError(Problem(text, hints=("steps and epochs count from the start of the stage",)))
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


def param_series(params: Mapping[str, Changing], clock: Clock) -> dict[str, Series]:
    """Every param at every step of a stage.

    Raises:
        RecipeError: a schedule does not fit.
        EquationError: a param that is made of others divides by zero, or is not finite.
    """
    found: dict[str, Series] = {}
    for name in TopologicalSorter(_needs(params)).static_order():
        one = params[name]
        if isinstance(one, float | Schedule):
            found[name] = series(f"params.{name}", one, clock)
        else:
            found[name] = evaluate(one, found)
    return found
