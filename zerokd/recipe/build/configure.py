"""A table of a recipe and the component that it names: found, imported, and its config checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from zerokd.errors import KeyPath, RecipeError
from zerokd.plugin.catalogue import Catalogue, Entry
from zerokd.plugin.loading import load_component
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.schema.validation import problems
from zerokd.recipe.toml.document import Document


def configure(
    table: schema.Use, path: KeyPath, document: Document, catalogue: Catalogue
) -> tuple[Entry, type[Any], BaseModel]:
    """The component that the table at ``path`` names, not yet built, and its validated config.

    Raises:
        RecipeError: there is no such component, it cannot be imported, or the table says what it does not understand.
    """
    entry = catalogue.find(table.kind, table.use)
    component = load_component(entry)
    try:
        return entry, component, component.Config(**table.options)
    except ValidationError as error:
        raise RecipeError(*problems(error, document, path, component.Config, type(table).model_fields)) from None


def uses(part: Any, at: KeyPath = ()) -> Iterator[tuple[KeyPath, schema.Use]]:
    """Every component that a recipe names, with its path."""
    if isinstance(part, schema.Use):
        yield at, part
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(part, BaseModel):
        inner = ((field.alias or name, getattr(part, name)) for name, field in type(part).model_fields.items())
    elif isinstance(part, dict):
        inner = part.items()
    elif isinstance(part, tuple):
        inner = enumerate(part)
    for key, one in inner:
        yield from uses(one, (*at, key))
