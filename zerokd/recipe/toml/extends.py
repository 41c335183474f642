"""Recipes that extend others: ``extends = "base.toml"`` merges the recipe's own tables into those of that file.

Tables merge key by key; any other value replaces the old one. A table with ``use`` or ``average_of`` replaces the old
table: a term with another loss never inherits the config of the old loss.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zerokd.errors import KeyPath, Problem, RecipeError
from zerokd.recipe.toml.document import Document, parse_document, read_document
from zerokd.recipe.toml.shipped import locate_recipe

EXTENDS = "extends"
MAX_EXTENDS_CHAIN = 8  # files in a chain
REPLACING_KEYS = ("use", "average_of")  # a table with one of these keys is a component of its own


def read_recipe_document(path: Path | str) -> Document:
    """The document in a file or in a shipped recipe (``paper``), merged with the files that it extends.

    Raises:
        RecipeError: a file is unreadable or invalid, no recipe has the name, or files extend one another in a cycle.
    """
    return _merge_bases(read_document(locate_recipe(path)))


def read_recipe(recipe: str | Path) -> Document:
    """The document in a file or shipped recipe, or in a text, which holds a line break; what a text extends lies in the
    working folder or ships with zerokd.

    Raises:
        RecipeError: as :func:`read_recipe_document`.
    """
    if isinstance(recipe, str) and "\n" in recipe:
        return _merge_bases(parse_document(recipe, "recipe"))
    return read_recipe_document(recipe)


def _merge_bases(document: Document) -> Document:
    chain = [document]
    while EXTENDS in chain[-1].tables:
        chain.append(_read_base(chain))
    merged = chain.pop()
    for child in reversed(chain):
        merged = extend_document(merged, child)
    return merged


def extend_document(base: Document, child: Document) -> Document:
    """``child`` merged into ``base``. Values that the child replaces have no place in the texts of the base."""
    own = {key: value for key, value in child.tables.items() if key != EXTENDS}
    replaced = frozenset(_replaced_paths(base.tables, own, ()))
    child_sources = (source.exclude(frozenset({(EXTENDS,)})) for source in child.sources)
    base_sources = (source.exclude(replaced) for source in base.sources)
    return Document(_merge_tables(base.tables, own), (*child_sources, *base_sources))


def _read_base(chain: list[Document]) -> Document:
    """The document that the last one of a chain extends."""
    last = chain[-1]
    name, place = last.tables[EXTENDS], last.value_place((EXTENDS,))
    if not isinstance(name, str):
        hint = 'write extends = "paper", a shipped recipe, or "base.toml", a path from the folder of this file'
        text = f"{EXTENDS} must be the name or path of a recipe, in quotes"
        raise RecipeError(Problem(text, place, (hint,), code="extends"))
    try:
        path = locate_recipe(name, os.path.dirname(last.file))
        base = read_document(path)
    except RecipeError as error:
        lines = tuple(line for problem in error.problems for line in str(problem).splitlines())
        raise RecipeError(Problem(f"cannot extend {name!r}", place, lines, code="extends")) from None
    files = [document.file for document in chain]
    if os.path.realpath(path) in map(os.path.realpath, files):
        cycle = " -> ".join([*files, path])
        raise RecipeError(Problem(f"recipes extend one another in a cycle: {cycle}", place, code="extends"))
    if len(chain) == MAX_EXTENDS_CHAIN:
        hint = f"the chain is {' -> '.join([*files, path])}"
        raise RecipeError(
            Problem(f"more than {MAX_EXTENDS_CHAIN} recipes extend one another", place, (hint,), code="extends")
        )
    return base


def _is_mergeable(old: Any, new: Any) -> bool:
    return isinstance(old, dict) and isinstance(new, dict) and not any(key in new for key in REPLACING_KEYS)


def _merge_tables(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Both tables as one: keys of the old table first, in their order, then new keys."""
    inner = {key: _merge_tables(old[key], value) for key, value in new.items() if _is_mergeable(old.get(key), value)}
    return {**old, **new, **inner}


def _replaced_paths(old: dict[str, Any], new: dict[str, Any], path: KeyPath) -> Iterator[KeyPath]:
    """The paths in the old table that the new table replaces."""
    for key in old.keys() & new.keys():
        if _is_mergeable(old[key], new[key]):
            yield from _replaced_paths(old[key], new[key], (*path, key))
        else:
            yield (*path, key)
