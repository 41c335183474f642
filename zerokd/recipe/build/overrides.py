"""Applies the options of the command line (``--set``, ``--data``, ``--epochs``, ...) to a document."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from zerokd.errors import Place, Problem, RecipeError
from zerokd.recipe.schema.recipe import Recipe, validate_recipe, validate_recipe_partially
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.positions import MAX_NESTING, find_limit_violation

PRESERVED_DATA_KEYS = ("size", "held_out")  # every data source has them: they survive a change of source


def apply_options_and_validate(
    document: Document,
    settings: Sequence[str] = (),
    data: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
) -> tuple[Document, Recipe]:
    """The document with the options applied, and its recipe.

    Raises:
        RecipeError: an option or the recipe is invalid.
    """
    document = apply_options(document, settings, data, epochs, seed)
    return document, validate_recipe(document)


def apply_options(
    document: Document,
    settings: Sequence[str] = (),
    data: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    observe: Iterable[str] = (),
) -> Document:
    """The document with the options applied; an invalid recipe keeps its epochs.

    Raises:
        RecipeError: an option is invalid.
    """
    document = set_data_folder(document, data) if data is not None else document
    document = apply_settings(document, settings)
    document = add_observers(document, observe)
    document = set_value(document, ("seed",), seed, Place(f"--seed {seed}")) if seed is not None else document
    return document if epochs is None or validate_recipe_partially(document)[1] else scale_epochs(document, epochs)


def apply_settings(document: Document, settings: Iterable[str]) -> Document:
    """The document with each ``dotted.key=VALUE`` set; VALUE is TOML, or else a string.

    Raises:
        RecipeError: a setting has no ``=`` or an empty key, or leads through a value that is not a table.
    """
    for setting in settings:
        place = Place(f"--set {setting}")
        key, equals, text = setting.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            hint = "write --set dotted.key=VALUE, for example --set params.alpha=0.4"
            raise RecipeError(Problem("a setting needs a key and a value", place, (hint,), code="setting"))
        if len(path) > MAX_NESTING:
            raise RecipeError(Problem(f"tables are nested more than {MAX_NESTING} deep", place, code="setting"))
        document = set_value(document, path, _parse_value(text.strip()), place)
    return document


def apply_python_settings(document: Document, settings: Mapping[str, Any], place: Place) -> Document:
    """The document with each dotted key set to a value, or without it where that is None; errors name ``place``.

    Raises:
        RecipeError: a key is empty or leads through a value that is not a table.
    """
    for key, value in settings.items():
        path = tuple(part.strip() for part in key.split("."))
        if not all(path):
            raise RecipeError(Problem(f"set[{key!r}]: the key has an empty part", place, code="setting"))
        document = set_value(document, path, value, place)
        if value is None:
            _remove_value(document.tables, path)
    return document


def _remove_value(tables: dict[str, Any], path: tuple[str, ...]) -> None:
    for part in path[:-1]:
        tables = tables[part]
    del tables[path[-1]]


def set_value(document: Document, path: tuple[str, ...], value: Any, place: Place) -> Document:
    """The document with a value at ``path``, and tables around it where none are; errors about it name ``place``."""
    tables = table = copy.deepcopy(document.tables)
    implicit_tables = set(document.implicit_tables)
    for depth, part in enumerate(path[:-1], 1):
        if part not in table:
            table[part] = {}
            implicit_tables.add(path[:depth])
        table = table[part]
        if not isinstance(table, dict):
            raise RecipeError(Problem(f"{'.'.join(path[:depth])} is not a table", place, code="setting"))
    table[path[-1]] = value
    return evolve(
        document,
        tables=tables,
        override_places={**document.override_places, path: place},
        implicit_tables=frozenset(implicit_tables),
    )


def set_data_folder(document: Document, folder: str) -> Document:
    """The recipe on a folder of photos, with its own size and held-out share."""
    old = document.tables.get("data", {})
    preserved = {key: old[key] for key in PRESERVED_DATA_KEYS if isinstance(old, dict) and key in old}
    document = evolve(document, tables={**document.tables, "data": preserved})
    for key, value in (("use", "folder"), ("path", folder)):
        document = set_value(document, ("data", key), value, Place(f"--data {folder}"))
    return document


def add_observers(document: Document, observer_names: Iterable[str]) -> Document:
    """The recipe with these observers in their default config; one that it already has keeps its own.

    Raises:
        RecipeError: the recipe has another observer of that name.
    """
    for use in observer_names:
        name, place = use.rpartition(":")[2], Place(f"--observe {use}")
        tables = document.tables.get("observers", {})
        table = tables.get(name) if isinstance(tables, dict) else None
        if isinstance(table, dict) and table.get("use") == use:
            continue
        if table is not None:
            hint = f'write it into the recipe: [observers.another_name] with use = "{use}"'
            raise RecipeError(
                Problem(f"the recipe has another observer called {name!r}", place, (hint,), code="setting")
            )
        document = set_value(document, ("observers", name, "use"), use, place)
    return document


def scale_epochs(document: Document, total_epochs: int) -> Document:
    """The recipe in ``total_epochs``: stages keep their proportions, and at least one epoch each."""
    stages = document.tables.get("stages", {})
    run = [name for name in document.tables.get("run", []) if isinstance(stages.get(name), dict)]
    planned = sum(stages[name]["epochs"] for name in run if isinstance(stages[name].get("epochs"), int))
    for name in run:
        if planned and isinstance(stages[name].get("epochs"), int):
            share = max(1, round(total_epochs * stages[name]["epochs"] / planned))
            document = set_value(document, ("stages", name, "epochs"), share, Place(f"--epochs {total_epochs}"))
    return document


def _parse_value(text: str) -> Any:
    if find_limit_violation(f"value = {text}"):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text
