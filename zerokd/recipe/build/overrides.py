"""Changes from the command line, laid over a document: ``--set``, ``--data``, ``--epochs`` and their like."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve

from zerokd.errors import Place, Problem, RecipeError
from zerokd.recipe.schema.recipe import Recipe, understood, validate
from zerokd.recipe.toml.document import Document
from zerokd.recipe.toml.positions import DEEPEST, refusal

DATA_KEYS = ("size", "held_out")  # what every data source understands survives a change of source


def changed(
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
    document = with_options(document, settings, data, epochs, seed)
    return document, validate(document)


def with_options(
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
    document = with_data(document, data) if data is not None else document
    document = override(document, settings)
    document = with_observers(document, observe)
    document = put(document, ("seed",), seed, Place(f"--seed {seed}")) if seed is not None else document
    return document if epochs is None or understood(document)[1] else with_epochs(document, epochs)


def override(document: Document, settings: Iterable[str]) -> Document:
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
        if len(path) > DEEPEST:
            raise RecipeError(Problem(f"tables inside each other, more than {DEEPEST} deep", place, code="setting"))
        document = put(document, path, _value(text.strip()), place)
    return document


def put(document: Document, path: tuple[str, ...], value: Any, place: Place) -> Document:
    """The document with one value at ``path``, its tables opened on the way; errors about it name ``place``."""
    tables = table = copy.deepcopy(document.tables)
    opened = set(document.opened)
    for depth, part in enumerate(path[:-1], 1):
        if part not in table:
            table[part] = {}
            opened.add(path[:depth])
        table = table[part]
        if not isinstance(table, dict):
            raise RecipeError(Problem(f"{'.'.join(path[:depth])} is not a table", place, code="setting"))
    table[path[-1]] = value
    return evolve(document, tables=tables, places={**document.places, path: place}, opened=frozenset(opened))


def with_data(document: Document, folder: str) -> Document:
    """The same recipe on a folder of photos; size and held-out share stay as the recipe has them."""
    old = document.tables.get("data", {})
    kept = {key: old[key] for key in DATA_KEYS if isinstance(old, dict) and key in old}
    document = evolve(document, tables={**document.tables, "data": kept})
    for key, value in (("use", "folder"), ("path", folder)):
        document = put(document, ("data", key), value, Place(f"--data {folder}"))
    return document


def with_observers(document: Document, uses: Iterable[str]) -> Document:
    """The same recipe with these observers in their default config; one that it has already stays as it is.

    Raises:
        RecipeError: the recipe calls something else by that name.
    """
    for use in uses:
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
        document = put(document, ("observers", name, "use"), use, place)
    return document


def with_epochs(document: Document, total: int) -> Document:
    """The same recipe in ``total`` epochs: stages keep their proportions, and none falls below one epoch."""
    stages = document.tables.get("stages", {})
    run = [name for name in document.tables.get("run", []) if isinstance(stages.get(name), dict)]
    planned = sum(stages[name]["epochs"] for name in run if isinstance(stages[name].get("epochs"), int))
    for name in run:
        if planned and isinstance(stages[name].get("epochs"), int):
            share = max(1, round(total * stages[name]["epochs"] / planned))
            document = put(document, ("stages", name, "epochs"), share, Place(f"--epochs {total}"))
    return document


def _value(text: str) -> Any:
    if refusal(f"value = {text}"):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text
