"""From a record to the class behind it, held to what its kind promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zerokd.errors import Problem, RecipeError
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.contracts import (
    Adapter,
    Aggregator,
    Augmentation,
    Component,
    Data,
    Exporter,
    Loss,
    Metric,
    Model,
    Observer,
    Schedule,
    Stage,
)
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.specs import SINGULAR, Port

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
    "exporters": Exporter,
}
RESERVED_KEYS = {  # keys of a recipe's table that no component may call its own
    "losses": ("use", "weight", "on", "adapt", "when", "monitor"),
    "metrics": ("use", "on"),
}
KINDS_WITH_PORTS = ("losses", "metrics")


def load_component(entry: CatalogueEntry) -> type[Component]:
    """The class behind a record, checked against its contract.

    Raises:
        RecipeError: it cannot be imported, or is not what its kind promises.
    """
    kind = entry.spec.kind
    with attribute_errors(f"the import of {SINGULAR[kind]} {entry.spec.name!r} of {entry.provider}"):
        component = entry.spec.load()
    if not (isinstance(component, type) and issubclass(component, CONTRACTS[kind])):
        text = f"{entry.spec.target} of {entry.provider} is not a zerokd.{CONTRACTS[kind].__name__}"
        raise RecipeError(Problem(text, code="plugin-broken"))
    if not (
        isinstance(getattr(component, "Config", None), type) and issubclass(component.Config, CONTRACTS[kind].Config)
    ):
        raise RecipeError(
            Problem(
                f"the Config of {entry.qualified_name} is not a {CONTRACTS[kind].Config.__name__}", code="plugin-broken"
            )
        )
    wrong = list(_find_declaration_errors(component, kind))
    if wrong:
        raise RecipeError(*(Problem(f"{entry.qualified_name} {text}", code="plugin-broken") for text in wrong))
    return component


def _find_declaration_errors(component: Any, kind: str) -> Iterator[str]:
    """Declarations that are not of the type that everything else relies on."""
    ports = getattr(component, "ports", None) if kind in KINDS_WITH_PORTS else {}
    if not isinstance(ports, Mapping) or not all(isinstance(port, Port) for port in ports.values()):
        yield "must declare its ports: a dict of name to zerokd.Port"
    elif any(port.like not in (None, *ports) for port in ports.values()):
        yield "has a port that is `like` one that it does not declare"
    clash = sorted(set(component.Config.model_fields) & set(RESERVED_KEYS.get(kind, ())))
    if clash:
        yield f"has config keys that belong to the recipe: {', '.join(clash)}"
    examples, failures = component.examples, component.known_failures
    if not isinstance(examples, tuple | list) or not all(isinstance(example, Mapping) for example in examples):
        yield f"declares examples as {examples!r}, not a tuple of dicts"
    if not isinstance(failures, Mapping) or not all(
        isinstance(failure, str) and failure for failure in failures.values()
    ):
        yield f"declares known_failures as {failures!r}, not a dict of check to reason"
    bounds = getattr(component, "bounds", (0.0, 1.0))
    if not isinstance(bounds, property) and not _is_interval(bounds):
        yield f"declares bounds as {bounds!r}, not a pair of numbers, the smaller one first"
    for name in ("best_on", "worsens_with"):
        words = getattr(component, name, ())
        if not isinstance(words, tuple | list | property):
            yield f"declares {name} as {words!r}, not a tuple"


def _is_interval(bounds: Any) -> bool:
    numbers = isinstance(bounds, tuple | list) and len(bounds) == 2 and all(isinstance(x, int | float) for x in bounds)
    return numbers and bounds[0] < bounds[1]
