"""Builds components from a recipe's tables, and collects what goes wrong instead of stopping at the first mistake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zerokd.errors import KeyPath, Place, Problem, RecipeError, ZerokdError
from zerokd.plugin.blame import blame
from zerokd.plugin.catalogue import Catalogue, Entry
from zerokd.plugin.specs import SINGULAR
from zerokd.recipe.build.configure import configure
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document


class Builder:
    """``faults`` are the mistakes so far, ``unbuilt`` the paths of what has one; the rest tells of what was built."""

    def __init__(self, document: Document, catalogue: Catalogue):
        self.document, self.catalogue = document, catalogue
        self.faults: list[ZerokdError] = []
        self.used: dict[str, Entry] = {}
        self.fallbacks: list[str] = []
        self.cautions: dict[str, list[str]] = {}
        self.origins: dict[str, dict[str, Any]] = {}
        self.unbuilt: set[KeyPath] = set()

    @contextmanager
    def place(self, place: Place) -> Iterator[None]:
        """Keep what goes wrong inside, at ``place`` unless the problem knows better."""
        try:
            yield
        except ZerokdError as fault:
            self.faults.append(fault.at(place))

    def report(self, message: str, place: Place, *hints: str, code: str = "equation") -> None:
        self.faults.append(RecipeError(Problem(message, place, tuple(hints), code=code)))

    def build(self, table: schema.Use, path: KeyPath) -> Any:
        """The component a table names, with its config validated; None when that failed."""
        with self.place(self.document.value_place((*path, "use"))):
            entry, component, config = configure(table, path, self.document, self.catalogue)
            with blame(f"{SINGULAR[table.kind]} {entry.spec.name!r} of {entry.provider}"):
                built = component(**dict(config))
                self.fallbacks += built.fallbacks
                for caution in built.cautions:
                    self.cautions.setdefault(caution, []).append(".".join(map(str, path)).removeprefix("terms."))
            self.used[entry.qualified] = entry
            self.origins[".".join(map(str, path))] = {"use": entry.qualified, "config": config.model_dump(mode="json")}
            self.origins[".".join(map(str, path))] |= built.sources
            return built
        self.unbuilt.add(path)
        return None
