"""The catalogue of installed components: their records, and who provides them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from attrs import frozen

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.plugin.kinds import KINDS, Spec


@frozen
class Provider:
    """Where a component comes from: a distribution and its version, or the ``path`` of a one-file plugin."""

    name: str
    version: str = ""
    builtin: bool = False
    path: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


@frozen
class CatalogueEntry:
    """A registered component and its provider."""

    spec: Spec
    provider: Provider

    @property
    def qualified_name(self) -> str:
        return f"{self.provider.name}:{self.spec.name}"

    def matches_name(self, use: str) -> bool:
        """Whether ``name`` or ``distribution:name`` is this component."""
        return use in (self.spec.name, self.qualified_name)


@frozen
class BrokenPlugin:
    """A plugin, or one hook of it, that failed, and why."""

    provider: Provider
    reason: str

    def to_problem(self) -> Problem:
        return Problem(f"plugin {self.provider} is broken: {self.reason}", code="plugin-broken")


@frozen
class PluginNote:
    """A warning about a plugin that works."""

    provider: Provider
    text: str


@frozen
class Catalogue:
    """Every usable component, every broken plugin, and warnings about plugins."""

    entries: tuple[CatalogueEntry, ...] = ()
    broken_plugins: tuple[BrokenPlugin, ...] = ()
    notes: tuple[PluginNote, ...] = ()

    def for_kind(self, kind: str) -> list[CatalogueEntry]:
        """Return all components of a kind, sorted by name, built-in ones first."""
        entries = [entry for entry in self.entries if entry.spec.kind == kind]
        return sorted(entries, key=lambda entry: (entry.spec.name, not entry.provider.builtin, entry.provider.name))

    def as_json(self, kinds: Iterable[str]) -> dict[str, Any]:
        """Return the catalogue as plain data: components by kind, then broken plugins."""
        components = {kind: [_entry_fields(entry) for entry in self.for_kind(kind)] for kind in kinds}
        broken = [{"reason": plugin.reason, **_provider_fields(plugin.provider)} for plugin in self.broken_plugins]
        return {**components, "broken": broken}

    def describe_name_clashes(self) -> list[str]:
        """Return a line for every name that two plugins provide, with the names to write instead."""
        lines = []
        for kind in KINDS.values():
            for name, group in groupby(self.for_kind(kind.plural), key=lambda entry: entry.spec.name):
                first, *others = group
                if others and first.provider.builtin:
                    names = ", ".join(entry.qualified_name for entry in others)
                    lines.append(f"{kind.singular} {name!r} is the built-in one; write {names} for the other")
                elif others:
                    owners = " and ".join(str(entry.provider) for entry in (first, *others))
                    names = " or ".join(entry.qualified_name for entry in (first, *others))
                    lines.append(f"{kind.singular} {name!r} is provided by {owners}: write {names}")
        return lines

    def find(self, kind: str, use: str) -> CatalogueEntry:
        """Return the component that ``use = "name"`` or ``use = "distribution:name"`` names.

        A bare name that a built-in has means the built-in. Two plugins with one name need the full name.

        Raises:
            RecipeError: no component has that name, or two plugins provide it.
        """
        singular = KINDS[kind].singular
        matches = [entry for entry in self.for_kind(kind) if entry.matches_name(use)]
        if matches and (len(matches) == 1 or matches[0].provider.builtin):
            return matches[0]
        if matches:
            owners = " and ".join(str(entry.provider) for entry in matches)
            hint = "write " + " or ".join(f'use = "{entry.qualified_name}"' for entry in matches)
            text = f"{singular} {use!r} is provided by {owners}"
            raise RecipeError(Problem(text, hints=(hint,), code="ambiguous-component"))
        hints = self._suggest_alternatives(use, self.for_kind(kind), f"zerokd list {kind}")
        raise RecipeError(Problem(f"unknown {singular} {use!r}", hints=hints, code="unknown-component"))

    def find_by_name(self, use: str) -> list[CatalogueEntry]:
        """Return every component of that name, of any kind and provider.

        Raises:
            RecipeError: no component has that name.
        """
        known = [entry for kind in KINDS for entry in self.for_kind(kind)]
        matches = [entry for entry in known if entry.matches_name(use)]
        if not matches:
            alternatives = self._suggest_alternatives(use, known, "zerokd list")
            hints = (*alternatives, "`zerokd show FILE --resolved` shows a recipe")
            raise RecipeError(Problem(f"unknown component {use!r}", hints=hints, code="unknown-component"))
        return matches

    def _suggest_alternatives(self, use: str, known: list[CatalogueEntry], command: str) -> tuple[str, ...]:
        """Return similar names, and the broken plugins that may provide the unknown one."""
        names = [entry.qualified_name if ":" in use else entry.spec.name for entry in known]
        broken = (f"note: plugin {plugin.provider} is broken: {plugin.reason}" for plugin in self.broken_plugins)
        return (*did_you_mean(use, names, f"`{command}` shows all"), *broken)


def _entry_fields(entry: CatalogueEntry) -> dict[str, Any]:
    spec = entry.spec
    return {"name": spec.name, "summary": spec.summary, "target": spec.target, **_provider_fields(entry.provider)}


def _provider_fields(provider: Provider) -> dict[str, Any]:
    return {"provider": provider.name, "version": provider.version}
