"""Changes from the command line, laid over a document: ``--set``, ``--data``, ``--epochs`` and their like."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve

from zerokd.errors import Place, Problem, RecipeError
from zerokd.recipe.schema.recipe import Recipe, validate_recipe, validate_recipe_partially
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.positions import MAX_NESTING, find_limit_violation

PRESERVED_DATA_KEYS = ("size", "held_out")  # what every data source understands survives a change of source


def apply_options_and_validate(
    document: Document,
    settings: Sequence[str] = (),
    data: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
) -> tuple[Document, Recipe]:
    """The document with what the options of the command line change, and the recipe that it holds then.

    Raises:
        RecipeError: an option makes no sense, or the recipe has mistakes.
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
    """The document with what the options of the command line change. Epochs of a recipe with mistakes stay as they are.

    Raises:
        RecipeError: an option makes no sense.
    """
    document = set_data_folder(document, data) if data is not None else document
    document = apply_settings(document, settings)
    document = add_observers(document, observe)
    document = set_value(document, ("seed",), seed, Place(f"--seed {seed}")) if seed is not None else document
    return document if epochs is None or validate_recipe_partially(document)[1] else scale_epochs(document, epochs)


def apply_settings(document: Document, settings: Iterable[str]) -> Document:
    """The document with each ``dotted.key=VALUE`` set; VALUE is TOML, and text that is not TOML is a string.

    Raises:
        RecipeError: a setting has no ``=``, an empty key, or goes through something that is not a table.
    """
    for setting in settings:
        place = Place(f"--set {setting}")
        key, equals, text = setting.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            hint = "write --set dotted.key=VALUE, for example --set params.alpha=0.4"
            raise RecipeError(Problem("a setting needs a key and a value", place, (hint,), code="setting"))
        if len(path) > MAX_NESTING:
            raise RecipeError(Problem(f"tables inside each other, more than {MAX_NESTING} deep", place, code="setting"))
        document = set_value(document, path, _parse_value(text.strip()), place)
    return document


def set_value(document: Document, path: tuple[str, ...], value: Any, place: Place) -> Document:
    """The document with one value at ``path``, its tables opened on the way; errors about it name ``place``."""
    tables = table = copy.deepcopy(document.tables)
    opened = set(document.implicit_tables)
    for depth, part in enumerate(path[:-1], 1):
        if part not in table:
            table[part] = {}
            opened.add(path[:depth])
        table = table[part]
        if not isinstance(table, dict):
            raise RecipeError(Problem(f"{'.'.join(path[:depth])} is not a table", place, code="setting"))
    table[path[-1]] = value
    return evolve(
        document,
        tables=tables,
        override_places={**document.override_places, path: place},
        implicit_tables=frozenset(opened),
    )


def set_data_folder(document: Document, folder: str) -> Document:
    """The same recipe on a folder of photos; size and held-out share stay as the recipe has them."""
    old = document.tables.get("data", {})
    kept = {key: old[key] for key in PRESERVED_DATA_KEYS if isinstance(old, dict) and key in old}
    document = evolve(document, tables={**document.tables, "data": kept})
    for key, value in (("use", "folder"), ("path", folder)):
        document = set_value(document, ("data", key), value, Place(f"--data {folder}"))
    return document


def add_observers(document: Document, observer_names: Iterable[str]) -> Document:
    """The same recipe with these observers in their default config; one that it has already stays as it is.

    Raises:
        RecipeError: the recipe calls something else by that name.
    """
    for use in observer_names:
        name, place = use.rpartition(":")[2], Place(f"--observe {use}")
        tables = document.tables.get("observers", {})
        there = tables.get(name) if isinstance(tables, dict) else None
        if isinstance(there, dict) and there.get("use") == use:
            continue
        if there is not None:
            hint = f'write it into the recipe: [observers.another_name] with use = "{use}"'
            raise RecipeError(
                Problem(f"the recipe has another observer called {name!r}", place, (hint,), code="setting")
            )
        document = set_value(document, ("observers", name, "use"), use, place)
    return document


def scale_epochs(document: Document, total_epochs: int) -> Document:
    """The same recipe in ``total`` epochs: stages keep their proportions, and none falls below one epoch."""
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
