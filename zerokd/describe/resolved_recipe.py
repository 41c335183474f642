"""The recipe as a run uses it, with every default, and the origin of each value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zerokd.errors import KeyPath, Problem, RecipeError
from zerokd.plugin.catalogue import Catalogue
from zerokd.recipe.build.configure import resolve_component, walk_component_configs
from zerokd.recipe.schema.recipe import MetricConfig, Recipe, TermConfig
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.format import format_toml_header, format_toml_key, format_toml_value

DEFAULT_ORIGIN = "default"
MAX_ALIGNED_WIDTH = 44  # a longer line does not shift the comments of the others
AnnotatedLine = tuple[str, str]  # TOML, and the origin of its value


def fill_defaults(recipe: Recipe, document: Document, catalogue: Catalogue) -> dict[str, Any]:
    """The tables of a recipe with the defaults of its components and their ports. Builds nothing.

    Raises:
        RecipeError: a component cannot be found or imported, or its config is wrong.
    """
    tables = recipe.model_dump(exclude_none=True, by_alias=True)
    problems: list[Problem] = []
    for path, table in walk_component_configs(recipe):
        try:
            _, component, config = resolve_component(table, path, document, catalogue)
        except RecipeError as error:
            problems += error.with_place(document.value_place((*path, "use"))).problems
            continue
        filled: Any = tables
        for part in path:
            filled = filled[part]
        filled.update(config.model_dump(exclude_none=True, by_alias=True))
        if isinstance(table, TermConfig | MetricConfig):
            defaults = {name: port.default for name, port in component.ports.items() if port.default is not None}
            filled["on"] = {**defaults, **table.on}
    if problems:
        raise RecipeError(*problems)
    return tables


def format_annotated_toml(tables: dict[str, Any], document: Document) -> str:
    """The tables as TOML, each value with its origin as a comment: a file and line, an option, or ``default``."""
    lines = list(_format_lines(tables, (), document))
    width = max((len(text) for text, origin in lines if origin and len(text) <= MAX_ALIGNED_WIDTH), default=0)
    return "".join(f"{text:<{width}}  # {origin}\n" if origin else f"{text}\n" for text, origin in lines)


def _format_lines(table: dict[str, Any], path: KeyPath, document: Document) -> Iterator[AnnotatedLine]:
    """A table's own values first, since lines after a header belong to it; then the tables inside it."""
    for key, value in table.items():
        if not _has_header(value):
            yield f"{format_toml_key(key)} = {format_toml_value(value)}", describe_origin(document, (*path, key))
    for key, value in table.items():
        if not _has_header(value):
            continue
        inner, name = (*path, key), format_toml_header((*path, key))
        if isinstance(value, dict):
            if not all(map(_has_header, value.values())):
                yield from (("", ""), (f"[{name}]", ""))
            yield from _format_lines(value, inner, document)
            continue
        for index, element in enumerate(value):
            yield from (("", ""), (f"[[{name}]]", ""))
            yield from _format_lines(element, (*inner, index), document)


def describe_origin(document: Document, path: KeyPath) -> str:
    """Where the value at a path of the resolved tables was written."""
    written: Any = document.tables
    for depth, part in enumerate(path):
        if isinstance(written, str) and path[depth:] == ("use",):
            break  # a component without a table, as in adapt = ["gap"]
        try:
            written = written[part]
        except (KeyError, IndexError, TypeError):
            return DEFAULT_ORIGIN
    place = document.value_place(path)
    origin = f"{place.file}:{place.line}" if place.line else place.file
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in origin)


def _has_header(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(element, dict) for element in value)
    return isinstance(value, dict) and bool(value)
