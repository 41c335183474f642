"""A component as it is written in a recipe: a table that passes the check when put into recipes/paper.toml.

A model passes where the terms read what it gives; those of recipes/paper.toml read a curve map and three layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zerokd.objective.models import TRAINED
from zerokd.plugin.catalogue import Entry
from zerokd.plugin.keys import keys_of
from zerokd.recipe.toml.format import header_text, key_text, value_text

Table = tuple[tuple[str, ...], dict[str, Any]]
GROUPS = {
    "student": "task",
    "teacher": "distillation",
    "ema": "contrastive",
}  # of recipes/paper.toml


def snippet(entry: Entry, component: Any) -> str:
    """The TOML of one component, with no key that may be left out. No recipe names an exporter: its command."""
    if entry.spec.kind == "exporters":
        use = _use(entry, component)
        options = [f" --set {key}={value}" for key, value in use.items() if key != "use"]
        return f"zerokd export STUDENT --format {use['use']}{''.join(options)}\n"
    path, keys = PLACES[entry.spec.kind](entry, component)
    note = NOTES.get(entry.spec.kind, "").format(name=entry.spec.name)
    return "".join(
        [f"[{header_text(path)}]\n", *(f"{key_text(key)} = {value_text(value)}\n" for key, value in keys.items()), note]
    )


def _use(entry: Entry, component: Any) -> dict[str, Any]:
    """The component's name and what its config requires. A stranger's full name stays right whatever is installed."""
    name = entry.spec.name if entry.provider.builtin else entry.qualified
    return {"use": name} | {key.key: key.example for key in keys_of(component.Config) if key.required}


def _loss(entry: Entry, component: Any) -> Table:
    on = {
        name: port.example or ("student.enhanced" if port.grad else "teacher.enhanced")
        for name, port in component.ports.items()
        if port.default is None
    }
    read = {port.default or on[name] for name, port in component.ports.items()}
    frozen = any(signal.startswith(("teacher.", "ema.")) for signal in read)
    group = GROUPS["teacher" if frozen else TRAINED]
    use = _use(entry, component)
    return ("terms", group, entry.spec.name), {"use": use.pop("use")} | ({"on": on} if on else {}) | use


def _metric(entry: Entry, component: Any) -> Table:
    on = {name: port.example or "student.enhanced" for name, port in component.ports.items() if port.default is None}
    use = _use(entry, component)
    return ("metrics", entry.spec.name), {"use": use.pop("use")} | ({"on": on} if on else {}) | use


def _adapter(entry: Entry, component: Any) -> Table:
    use = _use(entry, component)
    adapt = [use if len(use) > 1 else use["use"]]
    on = dict(zip(("prediction", "target"), component.example, strict=True))
    return ("terms", GROUPS["teacher"], entry.spec.name), {"use": "mse", "on": on, "adapt": adapt}


def _stage(entry: Entry, component: Any) -> Table:
    roles = dict.fromkeys((TRAINED, *component.needs))
    objective = " + ".join(GROUPS[role] for role in roles if role in GROUPS)
    return ("stages", entry.spec.name), {**_use(entry, component), "objective": objective, "epochs": 10}


def _model(entry: Entry, component: Any) -> Table:
    if getattr(entry.spec, "bundled", None):
        return ("models", "teacher"), {**_use(entry, component), "weights": "bundled"}
    return ("models", TRAINED), _use(entry, component)


PLACES: dict[str, Callable[[Entry, Any], Table]] = {
    "losses": _loss,
    "adapters": _adapter,
    "stages": _stage,
    "models": _model,
    "data": lambda entry, component: (("data",), _use(entry, component)),
    "schedules": lambda entry, component: (("terms", "contrastive", "ema", "weight"), _use(entry, component)),
    "augmentations": lambda entry, component: (
        ("stages", "pretrain", "augment", entry.spec.name),
        _use(entry, component),
    ),
    "metrics": _metric,
    "aggregators": lambda entry, component: (("stages", "distill", "aggregate"), _use(entry, component)),
    "observers": lambda entry, component: (("observers", entry.spec.name), _use(entry, component)),
}
NOTES = {
    "models": "# terms read what it gives: its outputs, and its layers as features.NAME\n",
    "stages": '# a stage runs when run names it: run = ["pretrain", "distill", "{name}"]\n',
}
