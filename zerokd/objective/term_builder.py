"""Builds the terms of an objective that is written in Python."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from zerokd.errors import Place, Problem, RecipeError, ZerokdError, did_you_mean
from zerokd.objective.declaration import AdapterChoice, Term
from zerokd.objective.signal_name import LOW, SignalName, SignalSyntaxError
from zerokd.objective.term import ActiveSteps, BoundTerm
from zerokd.objective.view import BoundView, View
from zerokd.plugin.catalogue import Catalogue
from zerokd.plugin.clock import Clock
from zerokd.plugin.component import Component
from zerokd.plugin.contracts import Adapter, Loss, Schedule
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.loading import load_component


@cache
def installed_plugins() -> Catalogue:
    """Built-in and installed components, looked up once a process."""
    return discover_plugins()


class TermBuilder:
    """Collects every error instead of stopping at the first."""

    def __init__(self, clock: Clock | None, place: Place):
        self.given_clock, self.place = clock, place
        self.clock = clock or Clock(1, 1)
        self.errors: list[ZerokdError] = []

    def report(self, message: str, place: Place, *hints: str, code: str) -> None:
        self.errors.append(RecipeError(Problem(message, place, tuple(hints), code=code)))

    def build(self, kind: str, choice: str | Mapping[str, Any], label: str, place: Place) -> Any:
        """The component that a name or a ``{"use": name, ...}`` table stands for; None where that failed."""
        options = {"use": choice} if isinstance(choice, str) else dict(choice)
        use = options.pop("use", None)
        if not isinstance(use, str):
            self.report(f"{label}: {choice!r} lacks the key 'use'", place, code="missing-key")
            return None
        try:
            component = load_component(installed_plugins().find(kind, use))
            try:
                with attribute_errors(f"{label}: {use!r}", ValidationError):
                    return component(**options)
            except ValidationError as error:
                self.report_options(error, component, f"{label}: {use}", place)
        except ZerokdError as error:
            self.errors.append(error.with_place(place))
        return None

    def report_options(self, error: ValidationError, component: type[Component], subject: str, place: Place) -> None:
        for detail in error.errors(include_url=False):
            option = ".".join(str(part) for part in detail["loc"])
            if detail["type"] == "extra_forbidden":
                hints = did_you_mean(option, component.Config.model_fields)
                self.report(f"{subject} has no option {option!r}", place, *hints, code="unknown-key")
            else:
                message = detail["msg"].removeprefix("Value error, ")
                self.report(f"{subject}: {option}: {message}", place, code="wrong-value")

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

    def bind(self, label: str, declared: Term) -> BoundTerm | None:
        """A declared term with its loss, adapters and signals."""
        if not isinstance(declared, Term):
            text = f"terms[{label!r}] is {type(declared).__name__}, not a zerokd.Term"
            self.report(text, self.place, code="wrong-value")
            return None
        group, dot, name = label.partition(".")
        place = declared.place
        if not (dot and group.isidentifier() and name):
            hint = 'name it "group.term", such as "task.color"'
            self.report(f"{label!r} does not name a term in a group", place, hint, code="wrong-value")
            return None
        use, loss = self.read_loss(label, declared)
        adapters = [self.adapter(choice, label, place) for choice in declared.adapt]
        weight = self.read_number(f"the weight of {label}", declared.weight, place)
        if isinstance(weight, float) and weight < 0:
            self.report(f"{label}: weight is {weight:g}", place, "a weight must be at least 0", code="wrong-value")
        when = self.active_steps(label, declared)
        if loss is None or weight is None or None in adapters:
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

    def read_loss(self, label: str, declared: Term) -> tuple[str, Loss | None]:
        """The name and the loss of a term."""
        if isinstance(declared.loss, str):
            return declared.loss, self.build(
                "losses", {**declared.options, "use": declared.loss}, label, declared.place
            )
        use = type(declared.loss).__name__
        if declared.options:
            text = f"{label}: options {sorted(declared.options)} belong to a loss given by name"
            self.report(text, declared.place, code="wrong-value")
        if isinstance(declared.loss, Loss):
            return use, declared.loss
        hint = "give the name of a loss, or an instance of a subclass of zerokd.Loss"
        self.report(f"{label}: {use} is not a zerokd.Loss", declared.place, hint, code="wrong-value")
        return use, None

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
        names = {
            port: self.read_signal_name(label, signal, declared.place)
            for port, signal in bindings.items()
            if signal is not None
        }
        return {port: name for port, name in names.items() if name}

    def read_signal_name(self, label: str, text: str, place: Place) -> str:
        """A signal in one form for each; empty where the text names none."""
        try:
            return SignalName.parse(text).text
        except SignalSyntaxError as error:
            hint = "a signal is an input, MODEL.OUTPUT, or MODEL(SIGNAL).OUTPUT"
            self.report(f"{label}: {text!r} names no signal: {error}", place, hint, code="unknown-signal")
            return ""

    def bind_view(self, name: str, declared: View) -> BoundView | None:
        """A declared view with its augmentation; None where that failed."""
        label = f"signals[{name!r}]"
        if not isinstance(declared, View):
            self.report(f"{label} is {type(declared).__name__}, not a zerokd.View", self.place, code="wrong-value")
            return None
        augmentation, place = declared.augmentation, declared.place
        use = augmentation if isinstance(augmentation, str) else type(augmentation).__name__
        if isinstance(augmentation, str):
            augmentation = self.build("augmentations", {**declared.options, "use": augmentation}, label, place)
        elif declared.options:
            text = f"{label}: options {sorted(declared.options)} belong to an augmentation given by name"
            self.report(text, place, code="wrong-value")
        source = self.read_signal_name(label, declared.on, place)
        if augmentation is None or not source or not _is_name(name):
            if not _is_name(name):
                self.report(f"{name!r} cannot name a signal", place, "use letters, digits, _ and -", code="wrong-value")
            return None
        return BoundView(name, use, augmentation, source, place)

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


def _is_name(text: str) -> bool:
    return text.replace("-", "_").isidentifier() and text != LOW


def _adapter_name(choice: AdapterChoice, adapter: Adapter) -> str:
    """Equal adapters on equal tensors are shared by this name; an instance is its own."""
    if isinstance(choice, Adapter):
        return f"{type(adapter).__name__}#{id(adapter)}"
    options = {} if isinstance(choice, str) else {key: value for key, value in choice.items() if key != "use"}
    return f"{choice if isinstance(choice, str) else choice['use']}{options or ''}"
