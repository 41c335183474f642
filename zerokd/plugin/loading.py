"""Import the class behind a record and check it against the contract of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zerokd.errors import Problem, RecipeError
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.component import Component
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.kinds import KINDS, Kind
from zerokd.plugin.ports import Port


def load_component(entry: CatalogueEntry) -> type[Component]:
    """Import the class behind a record.

    Raises:
        RecipeError: the import fails, or the class breaks its kind's contract.
    """
    kind = KINDS[entry.spec.kind]
    with attribute_errors(f"the import of {kind.singular} {entry.spec.name!r} of {entry.provider}"):
        component = entry.spec.load()
    contract: type[Component] = kind.load_contract()
    if not (isinstance(component, type) and issubclass(component, contract)):
        text = f"{entry.spec.target} of {entry.provider} is not a zerokd.{kind.contract}"
        raise RecipeError(Problem(text, code="plugin-broken"))
    config = getattr(component, "Config", None)
    if not (isinstance(config, type) and issubclass(config, contract.Config)):
        text = f"the Config of {entry.qualified_name} is not a {contract.Config.__name__}"
        raise RecipeError(Problem(text, code="plugin-broken"))
    errors = list(_find_declaration_errors(component, kind))
    if errors:
        raise RecipeError(*(Problem(f"{entry.qualified_name} {text}", code="plugin-broken") for text in errors))
    return component


def _find_declaration_errors(component: Any, kind: Kind) -> Iterator[str]:
    """Yield an error for each declaration of a wrong type."""
    ports = getattr(component, "ports", None) if kind.has_ports else {}
    if not isinstance(ports, Mapping) or not all(isinstance(port, Port) for port in ports.values()):
        yield "must declare its ports: a dict of name to zerokd.Port"
    elif any(port.like not in (None, *ports) for port in ports.values()):
        yield "has a port that is `like` one that it does not declare"
    clash = sorted(set(component.Config.model_fields) & set(kind.reserved_keys))
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
        value = getattr(component, name, ())
        if not isinstance(value, tuple | list | property):
            yield f"declares {name} as {value!r}, not a tuple"


def _is_interval(bounds: Any) -> bool:
    numbers = isinstance(bounds, tuple | list) and len(bounds) == 2 and all(isinstance(x, int | float) for x in bounds)
    return numbers and bounds[0] < bounds[1]
