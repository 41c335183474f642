"""Evaluates and checks params, weights and ``when`` at every step of a stage, before the first step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import numpy as np

from zerokd.equation.equation import Equation
from zerokd.equation.expression import EquationError, Expression, Series, evaluate_expression, param_names
from zerokd.errors import Place, Problem, RecipeError
from zerokd.objective.term import ActiveSteps
from zerokd.plugin.clock import DURATION_PATTERN, Clock
from zerokd.plugin.contracts import Schedule
from zerokd.plugin.error_attribution import attribute_errors

ParamValue = float | Schedule | Expression


def find_used_params(equation: Equation, params: Mapping[str, ParamValue]) -> set[str]:
    """The params that an equation reads, and those that these depend on."""
    used: set[str] = set()
    pending = list(equation.read_params())
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            value = params.get(name)
            pending += [] if value is None or isinstance(value, float | Schedule) else param_names(value)
    return used


def evaluate_schedule(label: str, value: float | Schedule, clock: Clock) -> Series:
    """A number, or the values of a schedule at every step.

    Raises:
        RecipeError: the schedule does not fit a stage of this length, or returns other than one finite number a step.
    """
    if not isinstance(value, Schedule):
        return float(value)
    steps = np.arange(clock.steps, dtype=np.float64)
    try:
        with attribute_errors(f"the schedule of {label}", ValueError):
            series = np.asarray(value.values(steps, clock), dtype=np.float64)
    except ValueError as error:
        raise RecipeError(Problem(f"{label}: {error}", code="schedule")) from None
    if series.shape != steps.shape:
        text = f"the schedule of {label} returns shape {series.shape} for {clock.steps} steps"
        raise RecipeError(Problem(text, code="schedule"))
    if not np.isfinite(series).all():
        first = int(np.flatnonzero(~np.isfinite(series))[0])
        raise RecipeError(Problem(f"{label} is {series[first]} at {clock.describe_step(first)}", code="schedule"))
    return series


def describe_overruns(label: str, value: object, clock: Clock) -> list[str]:
    """One line for each moment in the config of a schedule that comes after the stage's last step."""
    if not isinstance(value, Schedule):
        return []
    config = value.config.model_dump(by_alias=True).items()
    items = [
        (key, item) for key, values in config for item in (values if isinstance(values, tuple | list) else (values,))
    ]
    moments = [(key, item) for key, item in items if isinstance(item, str) and re.fullmatch(DURATION_PATTERN, item)]
    return [
        f"{label}: {key} = {moment!r} is step {clock.to_steps(moment)}, but the stage has {clock.steps} steps"
        for key, moment in moments
        if clock.to_steps(moment) > clock.steps
    ]


def evaluate_weight(label: str, value: float | Schedule, clock: Clock) -> Series:
    """Like :func:`evaluate_schedule`, for a weight, which must not be negative."""
    return _require_not_negative(label, evaluate_schedule(label, value, clock), clock, "a weight")


def evaluate_learning_rate(label: str, value: float | Schedule, clock: Clock) -> Series:
    """Like :func:`evaluate_schedule`, for a learning rate, which must not be negative, nor 0 at every step."""
    series = _require_not_negative(label, evaluate_schedule(label, value, clock), clock, "a learning rate")
    if not np.any(series):
        hint = "a learning rate of 0 trains nothing"
        raise RecipeError(Problem(f"{label} is 0 at every step", hints=(hint,), code="schedule"))
    return series


def _require_not_negative(label: str, series: Series, clock: Clock, subject: str) -> Series:
    negative = np.flatnonzero(np.atleast_1d(series) < 0)
    if negative.size:
        moment = f" at {clock.describe_step(int(negative[0]))}" if isinstance(series, np.ndarray) else ""
        text = f"{label} is {np.atleast_1d(series)[negative[0]]:g}{moment}"
        raise RecipeError(Problem(text, hints=(f"{subject} must be at least 0",), code="schedule"))
    return series


def compute_step_mask(when: ActiveSteps | None, clock: Clock) -> np.ndarray | None:
    """The steps that compute a term, as a boolean array; None for every step.

    Raises:
        RecipeError: no step does.
    """
    if when is None:
        return None
    first, every = clock.to_steps(when.begin), clock.to_steps(when.every)
    last = clock.to_steps(when.until) if when.until is not None else clock.steps
    if every < 1:
        raise RecipeError(Problem(f"when.every: {when.every!r} is less than one step", code="schedule"))
    steps = np.arange(clock.steps)
    mask = (steps >= first) & (steps < last) & ((steps - first) % every == 0)
    if not mask.any():
        text = f"when: no step of {clock.steps} is at or after step {first} and before step {last}"
        if when.until is not None and last <= first:
            text = f"when: until (step {last}) does not come after from (step {first})"
        raise RecipeError(Problem(text, hints=("steps and epochs count from the start of the stage",), code="schedule"))
    return mask


def find_param_cycle(params: Mapping[str, ParamValue]) -> list[str]:
    """Params that depend on one another in a cycle, each before the one that it needs; the last repeats the first."""
    try:
        TopologicalSorter(_param_dependencies(params)).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _param_dependencies(params: Mapping[str, ParamValue]) -> dict[str, set[str]]:
    return {
        name: set() if isinstance(value, float | Schedule) else set(param_names(value))
        for name, value in params.items()
    }


def evaluate_params(
    params: Mapping[str, ParamValue], names: Iterable[str], clock: Clock, find_place: Callable[[str], Place]
) -> dict[str, Series]:
    """The named params, and those that they depend on, at every step of a stage; ``find_place`` locates a param.

    Raises:
        RecipeError: a schedule does not fit, or a derived param divides by zero or is not finite.
    """
    dependencies, pending = _param_dependencies(params), list(names)
    used: dict[str, set[str]] = {}
    while pending:
        name = pending.pop()
        if name not in used:
            used[name] = dependencies[name]
            pending += dependencies[name]
    series: dict[str, Series] = {}
    for name in TopologicalSorter(used).static_order():
        value = params[name]
        try:
            series[name] = (
                evaluate_schedule(f"params.{name}", value, clock)
                if isinstance(value, float | Schedule)
                else evaluate_expression(value, series)
            )
        except EquationError as error:
            raise RecipeError(Problem(f"params.{name}: {error.message}", find_place(name), code="equation")) from None
        except RecipeError as error:
            raise error.with_place(find_place(name)) from None
    return series
