"""An objective, written as the part of a recipe that it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w

from zerokd.equation.expression import Expression, format_expression
from zerokd.errors import Problem, RecipeError
from zerokd.objective.objective import Objective
from zerokd.objective.term import BoundTerm
from zerokd.objective.term_builder import installed_plugins
from zerokd.objective.view import BoundView
from zerokd.plugin.component import Component
from zerokd.plugin.contracts import Schedule

MODEL_OF_YOURS = "given"  # compose(models=...) takes the place of such a table


def objective_to_toml(objective: Objective) -> str:
    """The params, averages, signals, equation and terms of an objective as TOML, which
    :func:`zerokd.compose` reads again.

    Raises:
        RecipeError: a loss, adapter or schedule has no registered name.
    """
    plan = objective.plan
    tables: dict[str, Any] = {"params": {name: _write_number(value) for name, value in plan.params.items()}}
    averages = objective.models.averages.items()
    tables["models"] = {name: {"average_of": average.source_name, "decay": average.decay} for name, average in averages}
    tables["signals"] = {name: _write_view(view) for name, view in plan.views.items()}
    epochs = -(-plan.clock.steps // plan.clock.steps_per_epoch)
    tables["stages"] = {plan.name: {"use": "distillation", "objective": plan.equation.text, "epochs": epochs}}
    tables["terms"] = {}
    for term in (*plan.terms, *plan.unused_terms):
        tables["terms"].setdefault(term.group, {})[term.name] = _write_term(term)
    return tomli_w.dumps({key: value for key, value in tables.items() if value})


def _write_view(view: BoundView) -> dict[str, Any]:
    component = view.augmentation
    return {"use": _registered_name("augmentations", component), **_options(component), "on": view.source}


def _write_term(term: BoundTerm) -> dict[str, Any]:
    """The table of a term; keys at their default are left out."""
    weight = _write_number(term.weight)
    when = term.when
    table: dict[str, Any] = {"use": _registered_name("losses", term.loss), **_options(term.loss), "on": term.bindings}
    table["adapt"] = [_write_component("adapters", adapter) for adapter in term.adapters]
    table["weight"] = None if weight == 1.0 else weight
    table["when"] = when and {"from": when.begin, "until": when.until, "every": when.every}
    table["monitor"] = term.monitor
    if isinstance(table["when"], dict):
        table["when"] = {key: value for key, value in table["when"].items() if value is not None}
    return {key: value for key, value in table.items() if value not in (None, [], False)}


def _write_number(value: float | Schedule | Expression) -> Any:
    if isinstance(value, Schedule):
        return _write_component("schedules", value)
    return float(value) if isinstance(value, int | float) else {"equals": format_expression(value)}


def _write_component(kind: str, component: Component) -> str | dict[str, Any]:
    name, options = _registered_name(kind, component), _options(component)
    return {"use": name, **options} if options or kind == "schedules" else name


def _options(component: Component) -> dict[str, Any]:
    """The config that differs from its defaults, as a recipe writes it."""
    return _plain(component.config.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def _plain(value: Any) -> Any:
    """A value without None, which TOML lacks."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _registered_name(kind: str, component: Component) -> str:
    """The name that a recipe calls a component's class by."""
    target = f"{type(component).__module__}:{type(component).__qualname__}"
    for entry in installed_plugins().for_kind(kind):
        if entry.spec.target == target:
            return entry.spec.name if entry.provider.builtin else entry.qualified_name
    hint = "register it as a plugin, so that a recipe can name it"
    raise RecipeError(Problem(f"{type(component).__name__} has no registered name", hints=(hint,)))
