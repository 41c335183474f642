"""A table of a recipe and the component that it names: found, imported, and its config checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from zerokd.errors import KeyPath, RecipeError
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
from zerokd.plugin.loading import load_component
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.schema.validation import translate_validation_error
from zerokd.recipe.toml.document import Document


def resolve_component(
    table: schema.ComponentConfig, path: KeyPath, document: Document, catalogue: Catalogue
) -> tuple[CatalogueEntry, type[Any], BaseModel]:
    """The component that the table at ``path`` names, not yet built, and its validated config.

    Raises:
        RecipeError: there is no such component, it cannot be imported, or the table says what it does not understand.
    """
    entry = catalogue.find(table.kind, table.use)
    component = load_component(entry)
    try:
        return entry, component, component.Config(**table.options)
    except ValidationError as error:
        raise RecipeError(
            *translate_validation_error(error, document, path, component.Config, type(table).model_fields)
        ) from None


def walk_component_configs(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, schema.ComponentConfig]]:
    """Every component that a recipe names, with its path."""
    if isinstance(node, schema.ComponentConfig):
        yield path, node
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(node, BaseModel):
        inner = ((field.alias or name, getattr(node, name)) for name, field in type(node).model_fields.items())
    elif isinstance(node, dict):
        inner = node.items()
    elif isinstance(node, tuple):
        inner = enumerate(node)
    for key, one in inner:
        yield from walk_component_configs(one, (*path, key))
