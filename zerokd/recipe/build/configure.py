"""From a table of a recipe to the class of its component and a validated config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from zerokd.errors import KeyPath, RecipeError
from zerokd.plugin.catalogue import Catalogue, CatalogueEntry
from zerokd.plugin.loading import load_component
from zerokd.recipe.schema import recipe as schema
from zerokd.recipe.schema.validation import translate_validation_error
from zerokd.recipe.schema.walk import walk_records
from zerokd.recipe.toml.document import Document


def resolve_component(
    table: schema.ComponentConfig, path: KeyPath, document: Document, catalogue: Catalogue
) -> tuple[CatalogueEntry, type[Any], BaseModel]:
    """The entry and class of the component that the table at ``path`` names, and its validated config.

    Raises:
        RecipeError: the component does not exist or cannot be imported, or the table does not fit its config.
    """
    entry = catalogue.find(table.kind, table.use)
    component = load_component(entry)
    try:
        return entry, component, component.Config(**table.options)
    except ValidationError as error:
        raise RecipeError(
            *translate_validation_error(error, document, path, component.Config, type(table).model_fields)
        ) from None


def walk_component_configs(recipe: schema.Recipe) -> Iterator[tuple[KeyPath, schema.ComponentConfig]]:
    """Every component that a recipe names, with its path."""
    return ((path, record) for path, record in walk_records(recipe) if isinstance(record, schema.ComponentConfig))
