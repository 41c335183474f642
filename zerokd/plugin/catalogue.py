"""All components that were found: name -> record, with who provides it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.plugin.specs import KINDS, SINGULAR, Spec


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
    """A plugin, or one hook of it, that could not be used, and why."""

    provider: Provider
    reason: str


@frozen
class PluginNote:
    """Something that a plugin does and should not, though it can be used."""

    provider: Provider
    text: str


@frozen
class Catalogue:
    """Every usable component, every broken plugin, and what else there is to say of plugins."""

    entries: tuple[CatalogueEntry, ...] = ()
    broken_plugins: tuple[BrokenPlugin, ...] = ()
    notes: tuple[PluginNote, ...] = ()

    def for_kind(self, kind: str) -> list[CatalogueEntry]:
        """All components of a kind, by name, built-in ones first."""
        found = [entry for entry in self.entries if entry.spec.kind == kind]
        return sorted(found, key=lambda entry: (entry.spec.name, not entry.provider.builtin, entry.provider.name))

    def as_json(self, kinds: Iterable[str]) -> dict[str, Any]:
        """The same as plain data: components by kind, then what is broken."""
        shown: dict[str, Any] = {
            kind: [
                {
                    "name": one.spec.name,
                    "summary": one.spec.summary,
                    "target": one.spec.target,
                    **_provider_fields(one.provider),
                }
                for one in self.for_kind(kind)
            ]
            for kind in kinds
        }
        return shown | {
            "broken": [{"reason": ill.reason, **_provider_fields(ill.provider)} for ill in self.broken_plugins]
        }

    def describe_name_clashes(self) -> list[str]:
        """A line for every name that two provide, with what to write instead."""
        lines = []
        for kind in KINDS:
            known = self.for_kind(kind)
            for name in dict.fromkeys(entry.spec.name for entry in known):
                same = [entry for entry in known if entry.spec.name == name]
                if len(same) > 1 and same[0].provider.builtin:
                    others = ", ".join(entry.qualified_name for entry in same[1:])
                    lines.append(f"{SINGULAR[kind]} {name!r} is the built-in one; write {others} for the other")
                elif len(same) > 1:
                    owners = " and ".join(str(entry.provider) for entry in same)
                    full = " or ".join(entry.qualified_name for entry in same)
                    lines.append(f"{SINGULAR[kind]} {name!r} is provided by {owners}: write {full}")
        return lines

    def find(self, kind: str, use: str) -> CatalogueEntry:
        """The component that ``use = "name"`` or ``use = "distribution:name"`` means.

        A built-in is never shadowed: its bare name stays its own. Two strangers with one name have to be told apart.
        """
        same = [entry for entry in self.for_kind(kind) if entry.matches_name(use)]
        if same and (len(same) == 1 or same[0].provider.builtin):
            return same[0]
        if same:
            owners = " and ".join(str(entry.provider) for entry in same)
            hint = "write " + " or ".join(f'use = "{entry.qualified_name}"' for entry in same)
            raise RecipeError(
                Problem(f"{SINGULAR[kind]} {use!r} is provided by {owners}", hints=(hint,), code="ambiguous-component")
            )
        hints = self._suggest_alternatives(use, self.for_kind(kind), f"zerokd list {kind}")
        raise RecipeError(Problem(f"unknown {SINGULAR[kind]} {use!r}", hints=hints, code="unknown-component"))

    def find_by_name(self, use: str) -> list[CatalogueEntry]:
        """Every component of that name, whatever its kind and whoever provides it."""
        known = [entry for kind in KINDS for entry in self.for_kind(kind)]
        found = [entry for entry in known if entry.matches_name(use)]
        if not found:
            hints = (
                *self._suggest_alternatives(use, known, "zerokd list"),
                "a recipe is shown by `zerokd show FILE --resolved`",
            )
            raise RecipeError(Problem(f"unknown component {use!r}", hints=hints, code="unknown-component"))
        return found

    def _suggest_alternatives(self, use: str, known: list[CatalogueEntry], command: str) -> tuple[str, ...]:
        """What an unknown name may have meant, and the broken plugins that it may have come from."""
        names = [entry.qualified_name if ":" in use else entry.spec.name for entry in known]
        ills = (f"note: plugin {ill.provider} is broken: {ill.reason}" for ill in self.broken_plugins)
        return (*did_you_mean(use, names, f"`{command}` shows all {len(names)}"), *ills)


def _provider_fields(provider: Provider) -> dict[str, Any]:
    return {"provider": provider.name, "version": provider.version}
