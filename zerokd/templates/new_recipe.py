"""`zerokd new recipe`: a recipe that extends another and shows what there is to change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zerokd.errors import KeyPath, Problem, RecipeError
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.recipe.toml.format import format_toml_header, format_toml_value
from zerokd.recipe.toml.shipped import locate_recipe

NAME_PATTERN = r"[A-Za-z][A-Za-z0-9_-]{0,63}"  # as the recipe's key `name`
OFFERED_KEYS = (
    r"params\.\w+",
    r"data\.\w+",
    r"stages\.\w+\.(epochs|batch|optimizer\.learning_rate)",
    r"terms\.\w+\.\w+\.weight",
)
TEXT = """\
# {name}: the recipe {base} with your changes.
#
# zerokd check {name}.toml              verify that every term trains the student
# zerokd run {name}.toml                train; --data DIR trains on your photos
# zerokd show {name}.toml --resolved    print every value and where it comes from

extends = {base}
name    = "{name}"

# To change a value, remove the # in front of it. Any other key of the recipe may follow.
{values}
"""


def render_recipe(name: str, base: str, folder: Path) -> dict[str, str]:
    """A recipe called ``name`` that extends ``base``, a shipped recipe or a path: its text by its file name.

    A comment shows each value that people change most, as it is in ``base``.

    Args:
        folder: where the file will lie; a path to ``base`` starts there.

    Raises:
        RecipeError: the name cannot be a recipe's, or ``base`` cannot be read.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        hint = "use letters, digits, - and _, and start with a letter"
        raise RecipeError(Problem(f"{name!r} is not a valid name of a recipe", hints=(hint,)))
    tables = read_recipe_document(base).tables
    is_file = locate_recipe(base) == base
    extended = format_toml_value(os.path.relpath(base, folder) if is_file else base)
    values = [f"# {format_toml_header(path)} = {format_toml_value(value)}" for path, value in _offered_values(tables)]
    return {f"{name}.toml": TEXT.format(name=name, base=extended, values="\n".join(values))}


def _offered_values(tables: dict[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """The values of a recipe whose dotted keys :data:`OFFERED_KEYS` accepts."""
    for key, value in tables.items():
        key_path = (*path, key)
        if isinstance(value, dict):
            yield from _offered_values(value, key_path)
        elif key != "use" and any(re.fullmatch(pattern, ".".join(map(str, key_path))) for pattern in OFFERED_KEYS):
            yield key_path, value
