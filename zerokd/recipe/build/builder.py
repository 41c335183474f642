"""Builds components from a recipe's tables, and collects what goes wrong instead of stopping at the first mistake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zerokd.errors import KeyPath, Place, Problem, RecipeError, ZerokdError
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.specs import SINGULAR
from zerokd.recipe.build.configure import resolve_component
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document


class Builder:
    """``faults`` are the mistakes so far, ``unbuilt`` the paths of what has one; the rest tells of what was built."""

    def __init__(self, document: Document, catalogue: Catalogue):
        self.document, self.catalogue = document, catalogue
        self.errors: list[ZerokdError] = []
        self.used_entries: dict[str, CatalogueEntry] = {}
        self.fallbacks: list[str] = []
        self.cautions: dict[str, list[str]] = {}
        self.provenance: dict[str, dict[str, Any]] = {}
        self.failed_paths: set[KeyPath] = set()

    @contextmanager
    def collect_errors(self, place: Place) -> Iterator[None]:
        """Keep what goes wrong inside, at ``place`` unless the problem knows better."""
        try:
            yield
        except ZerokdError as error:
            self.errors.append(error.with_place(place))

    def report(self, message: str, place: Place, *hints: str, code: str = "equation") -> None:
        self.errors.append(RecipeError(Problem(message, place, tuple(hints), code=code)))

    def build(self, table: schema.ComponentConfig, path: KeyPath) -> Any:
        """The component a table names, with its config validated; None when that failed."""
        with self.collect_errors(self.document.value_place((*path, "use"))):
            entry, component, config = resolve_component(table, path, self.document, self.catalogue)
            with attribute_errors(f"{SINGULAR[table.kind]} {entry.spec.name!r} of {entry.provider}"):
                built = component(**dict(config))
                self.fallbacks += built.fallbacks
                for caution in built.cautions:
                    self.cautions.setdefault(caution, []).append(".".join(map(str, path)).removeprefix("terms."))
            self.used_entries[entry.qualified_name] = entry
            self.provenance[".".join(map(str, path))] = {
                "use": entry.qualified_name,
                "config": config.model_dump(mode="json"),
            }
            self.provenance[".".join(map(str, path))] |= built.sources
            return built
        self.failed_paths.add(path)
        return None
