"""Collect the checks of a plugin: each rule of its components' kinds that their declarations call for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry, Provider
from zerokd.plugin.config_keys import list_config_keys
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.kinds import KINDS, Kind, Spec
from zerokd.plugin.loading import load_component
from zerokd.testing import all_kinds, extreme_images, known_scenes, losses_and_metrics
from zerokd.testing.check import Check, Rule, Subject

PluginReference = ModuleType | Spec | CatalogueEntry | str


def _load_rules(kind: Kind) -> tuple[Rule, ...]:
    own: tuple[Rule, ...] = importlib.import_module(f"zerokd.testing.{kind.plural}").RULES
    return (*losses_and_metrics.RULES, *extreme_images.RULES, *known_scenes.RULES, *own) if kind.has_ports else own


RULES_BY_KIND: Mapping[str, tuple[Rule, ...]] = {plural: _load_rules(kind) for plural, kind in KINDS.items()}


def rules_for_kind(kind: str) -> tuple[Rule, ...]:
    """Return every rule that may apply to a component of this kind."""
    return (*all_kinds.RULES, *RULES_BY_KIND[kind])


def collect_checks(plugin: PluginReference, catalogue: Catalogue | None = None) -> list[Check]:
    """Collect the checks of a plugin's module, of one record, or of an installed distribution or component by name.

    Raises:
        RecipeError: nothing has that name, a component cannot be imported, or it breaks its kind's contract.
    """
    return [
        Check(rule, subject)
        for entry in find_entries(plugin, catalogue)
        for subject in make_subjects(entry)
        for rule in rules_for_kind(entry.spec.kind)
        if rule.applies(subject)
    ]


def find_entries(plugin: PluginReference, catalogue: Catalogue | None = None) -> list[CatalogueEntry]:
    """Find the components that ``plugin`` names.

    Raises:
        RecipeError: nothing has that name, or the plugin of that name is broken.
    """
    if isinstance(plugin, CatalogueEntry):
        return [plugin]
    if isinstance(plugin, Spec):
        return [CatalogueEntry(plugin, Provider("this plugin"))]
    if isinstance(plugin, ModuleType):
        return [CatalogueEntry(spec, Provider(plugin.__name__)) for spec in _module_specs(plugin)]
    known = catalogue or discover_plugins()
    broken = [entry for entry in known.broken_plugins if entry.provider.name == plugin]
    if broken:
        raise RecipeError(*(entry.to_problem() for entry in broken))
    entries = [entry for entry in known.entries if entry.provider.name == plugin]
    entries = entries or [entry for entry in known.entries if entry.matches_name(plugin)]
    if not entries:
        names = {name for entry in known.entries for name in (entry.spec.name, entry.provider.name)}
        hints = did_you_mean(plugin, names, "`zerokd plugins` and `zerokd list` show all")
        text = f"no plugin and no component is called {plugin!r}"
        raise RecipeError(Problem(text, hints=hints, code="unknown-component"))
    return [entry for entry in entries if entry.provider.builtin] or entries  # a bare name means the built-in


def _module_specs(module: ModuleType) -> list[Spec]:
    specs = [spec for kind in KINDS.values() for spec in getattr(module, kind.hook, tuple)()]
    if not specs:
        text = f"module {module.__name__!r} registers nothing: it has no hook such as zerokd_losses"
        raise RecipeError(Problem(text, code="plugin-broken"))
    return specs


def make_subjects(entry: CatalogueEntry) -> list[Subject]:
    """Pair a component with each of its ``examples``; without any, with the keys that its config requires."""
    component: Any = load_component(entry)
    with attribute_errors(f"the config of {entry.qualified_name}"):
        required = {key.key: key.example for key in list_config_keys(component.Config) if key.required}
    return [Subject(entry, component, dict(example)) for example in component.examples or (required,)]


def find_undefined_known_failures(entry: CatalogueEntry) -> list[str]:
    """Return the names in ``known_failures`` that no check has: a misspelt name excuses nothing."""
    component: Any = load_component(entry)
    names = {rule.name for rule in rules_for_kind(entry.spec.kind)}
    return [name for name in component.known_failures if name not in names]
