"""Recipes that ship with zerokd: a name such as ``paper`` or ``published/sci`` stands for a file of the package."""

from __future__ import annotations

import os
import re
from pathlib import Path

from zerokd.errors import Place, Problem, RecipeError, did_you_mean

SHIPPED_FOLDER = Path(__file__).parents[2] / "recipes"
GROUP = "published"  # a folder of shipped recipes, which is part of their names
NAME_PATTERN = re.compile(rf"({GROUP}/)?[A-Za-z0-9_-]+")  # no dot and no other slash: with either, a text is a path


def list_shipped_recipes() -> dict[str, Path]:
    """The file of every shipped recipe, by name, those of the group last."""
    files = [*sorted(SHIPPED_FOLDER.glob("*.toml")), *sorted(SHIPPED_FOLDER.glob(f"{GROUP}/*.toml"))]
    return {path.relative_to(SHIPPED_FOLDER).with_suffix("").as_posix(): path for path in files}


def locate_recipe(recipe: str | Path, folder: str = "") -> str:
    """The file that a path or a name means: the file at that path, from ``folder``, else the shipped recipe.

    A folder is no recipe: one called ``paper`` does not hide the recipe ``paper``.

    Raises:
        RecipeError: it is a name, and neither a file nor a shipped recipe has it.
    """
    path = os.path.join(folder, recipe)
    if not NAME_PATTERN.fullmatch(str(recipe)) or (os.path.exists(path) and not os.path.isdir(path)):
        return path
    shipped = list_shipped_recipes()
    if str(recipe) not in shipped:
        raise RecipeError(_unknown_recipe_problem(str(recipe), Path(folder), list(shipped)))
    return str(shipped[str(recipe)])


def shipped_recipe_hints(path: Path) -> tuple[str, ...]:
    """What to write for a missing file that is called as a shipped recipe is."""
    names = [name for name in list_shipped_recipes() if path.suffix == ".toml" and name.split("/")[-1] == path.stem]
    return tuple(f"zerokd ships a recipe of this name: write {name}" for name in names)


def _unknown_recipe_problem(name: str, folder: Path, shipped: list[str]) -> Problem:
    files = [path.name for path in folder.glob("*.toml")]
    nearest = did_you_mean(f"{GROUP}/{name}" if f"{GROUP}/{name}" in shipped else name, [*shipped, *files])[0]
    hints = [nearest] if nearest.startswith("did you mean") else []
    hints.append(f"shipped recipes: {', '.join(shipped)}; `zerokd list recipes` describes them")
    return Problem(
        "there is neither a file nor a shipped recipe of this name", Place(name), tuple(hints), code="unreadable-recipe"
    )
