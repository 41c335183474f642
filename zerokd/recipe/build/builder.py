"""Builds components from the tables of a recipe, and collects errors instead of stopping at the first one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from attrs import evolve

from zerokd.equation.equation import parse_scalar
from zerokd.equation.expression import EquationError, Expression
from zerokd.errors import KeyPath, Place, Problem, RecipeError, ZerokdError
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.kinds import KINDS
from zerokd.recipe.build.components import ComponentRecord
from zerokd.recipe.build.configure import resolve_component
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.toml.document import Document


class Builder:
    """``errors`` so far, and ``failed_paths`` of the tables that have one; the rest describes the built components.

    ``provenance`` has the record of each component by its dotted path, for the manifest.
    """

    def __init__(self, document: Document, catalogue: Catalogue):
        self.document, self.catalogue = document, catalogue
        self.errors: list[ZerokdError] = []
        self.used_entries: dict[str, CatalogueEntry] = {}
        self.fallbacks: list[str] = []
        self.cautions: dict[str, list[str]] = {}
        self.provenance: dict[str, ComponentRecord] = {}
        self.failed_paths: set[KeyPath] = set()

    @contextmanager
    def collect_errors(self, place: Place) -> Iterator[None]:
        """Collect an error of the block; its problems without a place get this one."""
        try:
            yield
        except ZerokdError as error:
            self.errors.append(error.with_place(place))

    def report(self, message: str, place: Place, *hints: str, code: str = "equation") -> None:
        """Collect a problem."""
        self.errors.append(RecipeError(Problem(message, place, tuple(hints), code=code)))

    def build(self, table: schema.ComponentConfig, path: KeyPath) -> Any:
        """The component that a table names, with its validated config; None if that failed."""
        label = ".".join(map(str, path))
        with self.collect_errors(self.document.value_place((*path, "use"))):
            entry, component, config = resolve_component(table, path, self.document, self.catalogue)
            with attribute_errors(f"{KINDS[table.kind].singular} {entry.spec.name!r} of {entry.provider}"):
                built = component(**dict(config))
                self.fallbacks += built.fallbacks
                for caution in built.cautions:
                    self.cautions.setdefault(caution, []).append(label.removeprefix("terms."))
            self.used_entries[entry.qualified_name] = entry
            record = {"use": entry.qualified_name, "config": config.model_dump(mode="json"), **built.sources}
            self.provenance[label] = cast(ComponentRecord, record)
            return built
        self.failed_paths.add(path)
        return None

    def parse_derived_param(self, text: str, path: KeyPath, known: frozenset[str]) -> Expression | None:
        """The expression of a param over others; None where it has an error."""
        try:
            return parse_scalar(text, known)
        except EquationError as error:
            place = place_in_string(self.document.value_place(path), error.column)
            self.report(f"params.{path[1]}: {error.message}", place, *error.hints(known))
        return None


def place_in_string(place: Place, column: int) -> Place:
    """The place of a character of a one-line string; ``place`` is its opening quote."""
    return evolve(place, column=place.column + 1 + column) if place.line else place
