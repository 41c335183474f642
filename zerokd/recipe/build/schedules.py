"""What params, weights and ``when`` come to at every step of a stage: known, and checked, before the first one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import numpy as np

from zerokd.equation.expression import EquationError, Expression, Series, evaluate_expression, param_names
from zerokd.errors import Place, Problem, RecipeError
from zerokd.objective.term import ActiveSteps
from zerokd.plugin.clock import DURATION_PATTERN, Clock
from zerokd.plugin.contracts import Schedule
from zerokd.plugin.error_attribution import attribute_errors

ParamValue = float | Schedule | Expression


def evaluate_schedule(label: str, value: float | Schedule, clock: Clock) -> Series:
    """A number as it is, a schedule as its number at every step.

    Raises:
        RecipeError: the schedule does not fit a stage of this length, or gives something else than finite numbers.
    """
    if not isinstance(value, Schedule):
        return float(value)
    steps = np.arange(clock.steps, dtype=np.float64)
    try:
        with attribute_errors(f"the schedule of {label}", ValueError):
            found = np.asarray(value.values(steps, clock), dtype=np.float64)
    except ValueError as error:
        raise RecipeError(Problem(f"{label}: {error}", code="schedule")) from None
    if found.shape != steps.shape:
        text = f"the schedule of {label} gives shape {found.shape} for {clock.steps} steps"
        raise RecipeError(Problem(text, code="schedule"))
    if not np.isfinite(found).all():
        first = int(np.flatnonzero(~np.isfinite(found))[0])
        raise RecipeError(Problem(f"{label} is {found[first]} at {clock.describe_step(first)}", code="schedule"))
    return found


def describe_overruns(label: str, value: object, clock: Clock) -> list[str]:
    """What a schedule says of moments after the stage's last step: nothing of it happens."""
    if not isinstance(value, Schedule):
        return []
    given = value.config.model_dump(by_alias=True).items()
    written = [(key, one) for key, some in given for one in (some if isinstance(some, tuple | list) else (some,))]
    late = [(key, one) for key, one in written if isinstance(one, str) and re.fullmatch(DURATION_PATTERN, one)]
    return [
        f"{label}: {key} = {one!r} is step {clock.to_steps(one)}, and a stage that uses it has {clock.steps}"
        for key, one in late
        if clock.to_steps(one) > clock.steps
    ]


def evaluate_weight(label: str, value: float | Schedule, clock: Clock) -> Series:
    """The same for a weight, which is never negative."""
    found = evaluate_schedule(label, value, clock)
    low = np.flatnonzero(np.atleast_1d(found) < 0)
    if low.size:
        at = f" at {clock.describe_step(int(low[0]))}" if isinstance(found, np.ndarray) else ""
        text = f"{label} is {np.atleast_1d(found)[low[0]]:g}{at}"
        raise RecipeError(Problem(text, hints=("a weight must be at least 0",), code="schedule"))
    return found


def compute_step_mask(when: ActiveSteps | None, clock: Clock) -> np.ndarray | None:
    """At which steps a term is computed; None: at all.

    Raises:
        RecipeError: at none.
    """
    if when is None:
        return None
    first, every = clock.to_steps(when.begin), clock.to_steps(when.every)
    last = clock.to_steps(when.until) if when.until is not None else clock.steps
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


def find_param_cycle(params: Mapping[str, ParamValue]) -> list[str]:
    """Params that are made of each other in a circle, each before the one it needs, the first one again at the end."""
    try:
        TopologicalSorter(_param_dependencies(params)).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _param_dependencies(params: Mapping[str, ParamValue]) -> dict[str, set[str]]:
    return {name: set() if isinstance(one, float | Schedule) else set(param_names(one)) for name, one in params.items()}


def evaluate_params(
    params: Mapping[str, ParamValue], param_names: Iterable[str], clock: Clock, find_place: Callable[[str], Place]
) -> dict[str, Series]:
    """The wanted params, and those they are made of, at every step of a stage. ``place`` tells where one stands.

    Raises:
        RecipeError: a schedule does not fit; a param that is made of others divides by zero, or is not finite.
    """
    needs, todo = _param_dependencies(params), list(param_names)
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
                evaluate_schedule(f"params.{name}", one, clock)
                if isinstance(one, float | Schedule)
                else evaluate_expression(one, found)
            )
        except EquationError as error:
            raise RecipeError(Problem(f"params.{name}: {error.message}", find_place(name), code="equation")) from None
        except RecipeError as error:
            raise error.with_place(find_place(name)) from None
    return found
