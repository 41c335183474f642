"""Which checks a plugin has to pass: every rule of its components' kinds that their declarations promise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry, Provider
from zerokd.plugin.config_keys import list_config_keys
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.loading import load_component
from zerokd.plugin.specs import KINDS, Spec
from zerokd.testing import (
    adapters,
    aggregators,
    augmentations,
    common,
    data,
    exporters,
    known_scenes,
    losses,
    losses_and_metrics,
    metrics,
    models,
    observers,
    schedules,
    stages,
)
from zerokd.testing.check import Check, Rule, Subject

RULES_BY_KIND: Mapping[str, tuple[Rule, ...]] = {
    "losses": (*losses_and_metrics.RULES, *known_scenes.RULES, *losses.RULES),
    "metrics": (*losses_and_metrics.RULES, *known_scenes.RULES, *metrics.RULES),
    "adapters": adapters.RULES,
    "models": models.RULES,
    "augmentations": augmentations.RULES,
    "data": data.RULES,
    "stages": stages.RULES,
    "schedules": schedules.RULES,
    "aggregators": aggregators.RULES,
    "observers": observers.RULES,
    "exporters": exporters.RULES,
}

PluginReference = ModuleType | Spec | CatalogueEntry | str


def rules_for_kind(kind: str) -> tuple[Rule, ...]:
    """Every rule that a component of a kind may have to keep."""
    return (*common.RULES, *RULES_BY_KIND[kind])


def collect_checks(plugin: PluginReference, catalogue: Catalogue | None = None) -> list[Check]:
    """The checks of a plugin's module, of one record, or of an installed distribution or component by its name.

    Raises:
        RecipeError: nothing has that name, or a component cannot be imported or is not what its kind promises.
    """
    return [
        Check(one, subject)
        for entry in find_entries(plugin, catalogue)
        for subject in make_subjects(entry)
        for one in rules_for_kind(entry.spec.kind)
        if one.applies(subject)
    ]


def find_entries(plugin: PluginReference, catalogue: Catalogue | None = None) -> list[CatalogueEntry]:
    """The components that ``plugin`` stands for.

    Raises:
        RecipeError: nothing has that name, or the plugin of that name is broken.
    """
    if isinstance(plugin, CatalogueEntry):
        return [plugin]
    if isinstance(plugin, Spec):
        return [CatalogueEntry(plugin, Provider("this plugin"))]
    if isinstance(plugin, ModuleType):
        return [CatalogueEntry(record, Provider(plugin.__name__)) for record in _module_records(plugin)]
    known = catalogue or discover_plugins()
    ills = [ill for ill in known.broken_plugins if ill.provider.name == plugin]
    if ills:
        raise RecipeError(
            *(Problem(f"plugin {ill.provider} is broken: {ill.reason}", code="plugin-broken") for ill in ills)
        )
    own = [entry for entry in known.entries if entry.provider.name == plugin]
    found = own or [entry for entry in known.entries if entry.matches_name(plugin)]
    if not found:
        names = {name for entry in known.entries for name in (entry.spec.name, entry.provider.name)}
        hints = did_you_mean(plugin, names, "`zerokd plugins` and `zerokd list` show all")
        raise RecipeError(
            Problem(f"no plugin and no component is called {plugin!r}", hints=hints, code="unknown-component")
        )
    return [entry for entry in found if entry.provider.builtin] or found  # a bare name is the built-in's own


def _module_records(module: ModuleType) -> Iterable[Spec]:
    found = [record for kind in KINDS for record in getattr(module, f"zerokd_{kind}", tuple)()]
    if not found:
        raise RecipeError(
            Problem(
                f"module {module.__name__!r} registers nothing: it has no hook such as zerokd_losses",
                code="plugin-broken",
            )
        )
    return found


def make_subjects(entry: CatalogueEntry) -> list[Subject]:
    """A component with each of its ``examples``; one that declares none, with what its config requires."""
    component: Any = load_component(entry)
    with attribute_errors(f"the config of {entry.qualified_name}"):
        required = {key.key: key.example for key in list_config_keys(component.Config) if key.required}
    return [Subject(entry, component, dict(one)) for one in component.examples or (required,)]


def find_undefined_known_failures(entry: CatalogueEntry) -> list[str]:
    """Names in ``known_failures`` that no check has: a misspelt one would excuse nothing."""
    component: Any = load_component(entry)
    names = {one.name for one in rules_for_kind(entry.spec.kind)}
    return [name for name in component.known_failures if name not in names]
