"""From a record to the class behind it, held to what its kind promises."""

from __future__ import annotations

from collections.abc import Mapping

from zerokd.errors import Problem, RecipeError
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Entry
from zerokd.plugin.contracts import (
    Adapter,
    Aggregator,
    Augmentation,
    Component,
    Data,
    Loss,
    Metric,
    Model,
    Observer,
    Schedule,
    Stage,
)
from zerokd.plugin.specs import SINGULAR

CONTRACTS: dict[str, type[Component]] = {
    "losses": Loss,
    "adapters": Adapter,
    "stages": Stage,
    "models": Model,
    "data": Data,
    "augmentations": Augmentation,
    "schedules": Schedule,
    "metrics": Metric,
    "aggregators": Aggregator,
    "observers": Observer,
}
RESERVED = {  # keys of a recipe's table that no component may call its own
    "losses": ("use", "weight", "on", "adapt", "when", "monitor"),
    "metrics": ("use", "on"),
}
PORTED = ("losses", "metrics")


def load_component(entry: Entry) -> type[Component]:
    """The class behind a record, checked against its contract.

    Raises:
        RecipeError: it cannot be imported, or is not what its kind promises.
    """
    kind = entry.spec.kind
    with blame(f"the import of {SINGULAR[kind]} {entry.spec.name!r} of {entry.provider}"):
        component = entry.spec.load()
    if not (isinstance(component, type) and issubclass(component, CONTRACTS[kind])):
        text = f"{entry.spec.target} of {entry.provider} is not a zerokd.{CONTRACTS[kind].__name__}"
        raise RecipeError(Problem(text))
    if not (isinstance(component.Config, type) and issubclass(component.Config, CONTRACTS[kind].Config)):
        raise RecipeError(Problem(f"the Config of {entry.qualified} is not a {CONTRACTS[kind].Config.__name__}"))
    ports = getattr(component, "ports", None) if kind in PORTED else {}
    if not isinstance(ports, Mapping) or any(one.like not in (None, *ports) for one in ports.values()):
        raise RecipeError(Problem(f"{entry.qualified} must declare its ports: a dict of name to zerokd.Port"))
    clash = sorted(set(component.Config.model_fields) & set(RESERVED.get(kind, ())))
    if clash:
        raise RecipeError(Problem(f"{entry.qualified} has config keys that belong to the recipe: {', '.join(clash)}"))
    return component
