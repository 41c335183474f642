"""An objective written in Python: terms declared by value, resolved into the records that an objective computes from."""

from __future__ import annotations

import linecache
import math
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from zerokd.equation.equation import Equation, UnknownNameError, parse_equation, parse_scalar
from zerokd.equation.expression import EquationError, Series, param_names
from zerokd.errors import Place, Problem, RecipeError, ZerokdError, combine_errors, did_you_mean
from zerokd.objective.schedules import ParamValue, find_param_cycle
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.stage_weights import (
    StageWeights,
    compute_term_step_mask,
    evaluate_coefficients,
    evaluate_term_weight,
)
from zerokd.objective.term import ActiveSteps, BoundTerm
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Adapter, Loss, Schedule
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.loading import load_component

Number = float | Schedule | Mapping[str, Any]
AdapterChoice = str | Mapping[str, Any] | Adapter


class Term:
    """A loss in an objective that is written in Python.

    Args:
        loss: a :class:`~zerokd.Loss`, or the registered name of one; ``options`` are then its config.
        on: the signal of each port, ``{"prediction": "student.enhanced"}``; a port left out reads its default signal.
        adapt: adapters, applied in order to all ports: instances, names, or ``{"use": name, ...}`` tables.
        weight: multiplies the term's mean value inside its group: a number of at least 0, a schedule, or its
            ``{"use": "linear", ...}`` table.
        when: the steps that compute the term, ``{"from": "500 steps", "until": "20 epochs", "every": "2 steps"}``.
        monitor: compute and report the term without training on it.

    Example:
        >>> import zerokd
        >>> zerokd.Term("mse", on={"prediction": "student.output", "target": "teacher.output"}, weight=0.5)
        Term('mse', on={'prediction': 'student.output', 'target': 'teacher.output'}, weight=0.5)
    """

    def __init__(
        self,
        loss: str | Loss,
        *,
        on: Mapping[str, str] | None = None,
        adapt: AdapterChoice | Sequence[AdapterChoice] = (),
        weight: Number = 1.0,
        when: Mapping[str, str] | None = None,
        monitor: bool = False,
        **options: Any,
    ):
        self.loss, self.options = loss, options
        self.on = dict(on or {})
        self.adapt = (adapt,) if isinstance(adapt, str | Mapping | Adapter) else tuple(adapt)
        self.weight, self.when, self.monitor = weight, dict(when or {}), monitor
        self.place = calling_place()

    def __repr__(self) -> str:
        loss = repr(self.loss) if isinstance(self.loss, str) else f"{type(self.loss).__name__}(...)"
        parts = [loss, *(f"{key}={value!r}" for key, value in self.options.items())]
        parts += [f"on={self.on!r}"] if self.on else []
        parts += [f"adapt={list(self.adapt)!r}"] if self.adapt else []
        parts += [f"weight={self.weight!r}"] if self.weight != 1.0 else []
        parts += [f"when={self.when!r}"] if self.when else []
        return f"Term({', '.join(parts)}{', monitor=True' if self.monitor else ''})"


def calling_place() -> Place:
    """The line of Python that called into zerokd."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "zerokd":
        frame = frame.f_back
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).rstrip("\n")
    column = len(text) - len(text.lstrip()) + 1
    return Place(frame.f_code.co_filename, frame.f_lineno, column, text)


@cache
def installed_plugins() -> Catalogue:
    """Built-in and installed components, looked up once a process."""
    return discover_plugins()


def compose_plan(
    equation: str,
    terms: Mapping[str, Term],
    params: Mapping[str, Number | str],
    clock: Clock | None,
    name: str,
    place: Place,
) -> ObjectivePlan:
    """Resolve an objective that is written in Python.

    ``clock`` may be None where nothing changes with the step.

    Raises:
        ZerokdError: with every problem of names, options, bindings, the equation and weights, each at its line.
    """
    composer = _Composer(clock, place)
    plan = composer.compose(equation, terms, params, name)
    if composer.errors:
        raise combine_errors(composer.errors)
    assert plan is not None
    return plan


class _Composer:
    """Collects every error instead of stopping at the first."""

    def __init__(self, clock: Clock | None, place: Place):
        self.given_clock, self.place = clock, place
        self.clock = clock or Clock(1, 1)
        self.errors: list[ZerokdError] = []

    def report(self, message: str, place: Place, *hints: str, code: str) -> None:
        self.errors.append(RecipeError(Problem(message, place, tuple(hints), code=code)))

    def compose(
        self, text: str, terms: Mapping[str, Term], params: Mapping[str, Number | str], name: str
    ) -> ObjectivePlan | None:
        values = self.read_params(params)
        bound = [term for label, declared in terms.items() if (term := self.bind(label, declared)) is not None]
        parsed = self.read_equation(text, {label.partition(".")[0] for label in terms}, values, params)
        if parsed is None or self.errors:
            return None
        equation, coefficients = parsed
        for group in sorted({term.group for term in bound} - equation.coefficients.keys()):
            hint = "use the group in the equation, or leave its terms out"
            self.report(f"no equation uses the group {group!r}", self.place, hint, code="equation")
        for param in sorted(values.keys() - _used_params(equation, values)):
            hint = "use it in the equation, or leave it out"
            self.report(f"the equation uses no param {param!r}", self.place, hint, code="equation")
        weights = self.weigh(bound, coefficients)
        idle = [term for term in bound if weights.is_idle(term)]
        gap = weights.first_empty_step(bound)
        if gap is not None and not self.errors:
            step = f" at {self.clock.describe_step(gap)}" if self.given_clock else ""
            self.report(f"the objective trains on nothing: every weight is 0{step}", self.place, code="equation")
        return ObjectivePlan(
            name=name,
            equation=equation,
            clock=self.clock,
            coefficients=coefficients,
            weights=weights.weights,
            step_masks=weights.step_masks,
            terms=tuple(term for term in bound if term not in idle),
            idle_terms=tuple(term.label for term in idle),
            place=self.place,
            params=values,
            unused_terms=tuple(idle),
        )

    def read_params(self, params: Mapping[str, Number | str]) -> dict[str, ParamValue]:
        """Numbers, schedules, and expressions over other params (text)."""
        values: dict[str, ParamValue] = {}
        for name, value in params.items():
            if not name.isidentifier() or name in ("min", "max"):
                self.report(f"{name!r} cannot name a param", self.place, "use a Python identifier", code="equation")
            elif isinstance(value, str):
                try:
                    values[name] = parse_scalar(value, frozenset(params))
                except EquationError as error:
                    self.report(f"params[{name!r}]: {error.message}", self.place, *_hints(error, params), code="equation")
            elif (number := self.read_number(f"params[{name!r}]", value, self.place)) is not None:
                values[name] = number
        cycle = find_param_cycle(values)
        if cycle:
            self.report(f"params depend on each other in a cycle: {' -> '.join(cycle)}", self.place, code="equation")
        return values

    def read_number(self, label: str, value: Any, place: Place) -> float | Schedule | None:
        """A number, or a schedule by instance or table."""
        if isinstance(value, Mapping):
            value = self.build("schedules", value, label, place)
            if value is None:
                return None
        if isinstance(value, Schedule):
            if self.given_clock is None:
                hint = "give the objective steps=, how many it is followed for"
                self.report(f"{label} is a schedule, and the number of steps is unknown", place, hint, code="schedule")
                return None
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.report(f"{label} is {value!r}, neither a finite number nor a schedule", place, code="wrong-value")
            return None
        return float(value)

    def build(self, kind: str, choice: str | Mapping[str, Any], label: str, place: Place) -> Any:
        """The component that a name or a ``{"use": name, ...}`` table stands for; None where that failed."""
        options = {"use": choice} if isinstance(choice, str) else dict(choice)
        use = options.pop("use", None)
        if not isinstance(use, str):
            self.report(f"{label}: {choice!r} lacks the key 'use'", place, code="missing-key")
            return None
        try:
            component = load_component(installed_plugins().find(kind, use))
            with attribute_errors(f"{label}: {use!r}", ValidationError):
                return component(**options)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                where = ".".join(str(part) for part in found["loc"])
                message = found["msg"].removeprefix("Value error, ")
                known = type(component).__name__ if component is None else component.Config.model_fields
                hints = did_you_mean(where, known) if found["type"] == "extra_forbidden" else ()
                text = f"unknown option {where!r} of {use}" if hints else f"{use}: {where}: {message}"
                self.report(f"{label}: {text}", place, *hints, code="wrong-value")
        except ZerokdError as error:
            self.errors.append(error.with_place(place))
        return None

    def bind(self, label: str, declared: Term) -> BoundTerm | None:
        """A declared term with its loss, adapters and signals."""
        if not isinstance(declared, Term):
            self.report(f"terms[{label!r}] is {type(declared).__name__}, not a zerokd.Term", self.place, code="wrong-value")
            return None
        group, dot, name = label.partition(".")
        place = declared.place
        if not (dot and group.isidentifier() and name):
            hint = 'name it "group.term", such as "task.color"'
            self.report(f"{label!r} does not name a term in a group", place, hint, code="wrong-value")
            return None
        loss, use = declared.loss, type(declared.loss).__name__
        if isinstance(loss, str):
            use, loss = loss, self.build("losses", {**declared.options, "use": loss}, label, place)
        elif declared.options:
            self.report(f"{label}: options {sorted(declared.options)} belong to a loss given by name", place, code="wrong-value")
        if loss is not None and not isinstance(loss, Loss):
            hint = "wrap it: zerokd.wrap_loss makes a Loss of any callable" if callable(loss) else "give a Loss or its name"
            self.report(f"{label}: {use} is not a zerokd.Loss", place, hint, code="wrong-value")
            loss = None
        adapters = [self.adapter(choice, label, place) for choice in declared.adapt]
        weight = self.read_number(f"the weight of {label}", declared.weight, place)
        if isinstance(weight, float) and weight < 0:
            self.report(f"{label}: weight is {weight:g}", place, "a weight must be at least 0", code="wrong-value")
        when = self.active_steps(label, declared)
        if not isinstance(loss, Loss) or weight is None or None in adapters:
            return None
        bindings = self.bind_ports(label, use, loss, declared)
        return BoundTerm(
            group=group,
            name=name,
            use=use,
            loss=loss,
            weight=weight,
            bindings=bindings,
            adapters=tuple(adapters),
            adapter_names=tuple(map(_adapter_name, declared.adapt, adapters)),
            when=when,
            monitor=declared.monitor,
            place=place,
            port_places=dict.fromkeys(bindings, place),
            explicit_keys=tuple(declared.options),
        )

    def adapter(self, choice: AdapterChoice, label: str, place: Place) -> Any:
        return choice if isinstance(choice, Adapter) else self.build("adapters", choice, label, place)

    def bind_ports(self, label: str, use: str, loss: Loss, declared: Term) -> dict[str, str]:
        for port in declared.on.keys() - loss.ports.keys():
            hints = did_you_mean(port, loss.ports)
            self.report(f"{label}: {use} has no port {port!r}", declared.place, *hints, code="unknown-port")
        bindings = {port: declared.on.get(port, spec.default) for port, spec in loss.ports.items()}
        for port, signal in bindings.items():
            if signal is None:
                hint = f'add on={{"{port}": "owner.signal"}}: {loss.ports[port].about}'
                self.report(f"{label}: port {port!r} of {use} is not bound", declared.place, hint, code="unknown-port")
        return {port: signal for port, signal in bindings.items() if signal is not None}

    def active_steps(self, label: str, declared: Term) -> ActiveSteps | None:
        if not declared.when:
            return None
        unknown = sorted(declared.when.keys() - {"from", "until", "every"})
        if unknown:
            text = f"{label}: when has unknown keys {', '.join(map(repr, unknown))}"
            self.report(text, declared.place, "known: every, from, until", code="unknown-key")
        if self.given_clock is None:
            hint = "give the objective steps=, how many it is followed for"
            self.report(f"{label}: when needs the number of steps", declared.place, hint, code="schedule")
        when = declared.when
        return ActiveSteps(when.get("from", "0 steps"), when.get("until"), when.get("every", "1 step"))

    def read_equation(
        self, text: str, groups: Collection[str], values: Mapping[str, ParamValue], params: Mapping[str, object]
    ) -> tuple[Equation, dict[str, Series]] | None:
        try:
            equation = parse_equation(text, frozenset(params), frozenset(groups))
            if params.keys() == values.keys():
                return equation, evaluate_coefficients(equation, values, self.clock, lambda _: self.place)
        except EquationError as error:
            known = {*params, *groups}
            marker = f"{text}\n{' ' * error.column}^"
            self.report(f"equation: {error.message}", self.place, marker, *_hints(error, known), code="equation")
        except ZerokdError as error:
            self.errors.append(error.with_place(self.place))
        return None

    def weigh(self, terms: Sequence[BoundTerm], coefficients: dict[str, Series]) -> StageWeights:
        weights: dict[str, Series] = {}
        masks: dict[str, np.ndarray | None] = {}
        for term in terms:
            weights[term.label], masks[term.label] = 1.0, None
            try:
                weights[term.label] = evaluate_term_weight(term, self.clock)
                masks[term.label] = compute_term_step_mask(term, self.clock)
            except (ZerokdError, ValueError) as error:
                known = error if isinstance(error, ZerokdError) else RecipeError(Problem(f"{term.label}: {error}"))
                self.errors.append(known.with_place(term.place))
        return StageWeights(coefficients, weights, masks)


def _used_params(equation: Equation, values: Mapping[str, ParamValue]) -> set[str]:
    """The params that an equation reads, and those that these depend on."""
    used: set[str] = set()
    pending = list(equation.read_params())
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            value = values.get(name)
            pending += [] if value is None or isinstance(value, float | Schedule) else param_names(value)
    return used


def _adapter_name(choice: AdapterChoice, adapter: Adapter) -> str:
    """Equal adapters on equal tensors are shared by this name; an instance is its own."""
    if isinstance(choice, Adapter):
        return f"{type(adapter).__name__}#{id(adapter)}"
    options = {} if isinstance(choice, str) else {key: value for key, value in choice.items() if key != "use"}
    return f"{choice if isinstance(choice, str) else choice['use']}{options or ''}"


def _hints(error: EquationError, known: Collection[str]) -> tuple[str, ...]:
    if isinstance(error, UnknownNameError):
        return did_you_mean(error.name, known)
    return (error.hint,) if error.hint else ()
