"""All components that were found: name -> record, with who provides it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from zerokd.errors import Problem, RecipeError, did_you_mean
from zerokd.plugin.specs import SINGULAR, Spec


@frozen
class Provider:
    """Where a component comes from: a distribution and its version (a one-file plugin has none)."""

    name: str
    version: str = ""
    builtin: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


@frozen
class Entry:
    """A registered component and its provider."""

    spec: Spec
    provider: Provider

    @property
    def qualified(self) -> str:
        return f"{self.provider.name}:{self.spec.name}"


@frozen
class Broken:
    """A plugin, or one hook of it, that could not be used, and why."""

    provider: Provider
    reason: str


@frozen
class Catalogue:
    """Every usable component and every broken plugin."""

    entries: tuple[Entry, ...] = ()
    broken: tuple[Broken, ...] = ()

    def of(self, kind: str) -> list[Entry]:
        """All components of a kind, by name, built-in ones first."""
        found = [entry for entry in self.entries if entry.spec.kind == kind]
        return sorted(found, key=lambda entry: (entry.spec.name, not entry.provider.builtin, entry.provider.name))

    def as_json(self, kinds: Iterable[str]) -> dict[str, Any]:
        """The same as plain data: components by kind, then what is broken."""
        shown: dict[str, Any] = {
            kind: [
                {"name": one.spec.name, "summary": one.spec.summary, "target": one.spec.target, **_who(one.provider)}
                for one in self.of(kind)
            ]
            for kind in kinds
        }
        return shown | {"broken": [{"reason": ill.reason, **_who(ill.provider)} for ill in self.broken]}

    def find(self, kind: str, use: str) -> Entry:
        """The component that ``use = "name"`` or ``use = "distribution:name"`` means.

        A built-in is never shadowed: its bare name stays its own. Two strangers with one name have to be told apart.
        """
        provider, _, name = use.rpartition(":")
        same = [e for e in self.of(kind) if e.spec.name == name and provider in ("", e.provider.name)]
        if same and (len(same) == 1 or same[0].provider.builtin):
            return same[0]
        if same:
            owners = " and ".join(str(entry.provider) for entry in same)
            hint = "write " + " or ".join(f'use = "{entry.qualified}"' for entry in same)
            raise RecipeError(Problem(f"{SINGULAR[kind]} {use!r} is provided by {owners}", hints=(hint,)))
        known = [e.qualified if provider else e.spec.name for e in self.of(kind)]
        hints = did_you_mean(use, known, f"`zerokd list {kind}` shows all {len(known)}")
        ills = tuple(f"note: plugin {ill.provider} is broken: {ill.reason}" for ill in self.broken)
        raise RecipeError(Problem(f"unknown {SINGULAR[kind]} {use!r}", hints=hints + ills))


def _who(provider: Provider) -> dict[str, Any]:
    return {"provider": provider.name, "version": provider.version}
