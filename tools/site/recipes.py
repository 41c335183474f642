"""Pages of the shipped recipes, and the components that they use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from tools.site.component import Usage
from tools.site.markdown import code_block, build_page
from zerokd.describe.shipped_recipe import parse_leading_comment
from zerokd.plugin.catalogue import CatalogueEntry

KIND_BY_TABLE = {  # the kind that `use` names in such a table; adapters have a key of their own
    "data": "data",
    "models": "models",
    "stages": "stages",
    "terms": "losses",
    "metrics": "metrics",
    "observers": "observers",
    "augment": "augmentations",
    "aggregate": "aggregators",
    "critic": "critics",
    "optimizer": "optimizers",
    "params": "schedules",
}


@frozen
class ShippedRecipe:
    """A recipe: name, path in the project, and text."""

    name: str
    path: str
    text: str

    @property
    def is_in_package(self) -> bool:
        """Whether ``zerokd run NAME`` works, since zerokd itself ships the recipe."""
        return self.path.startswith("recipes/")

    @property
    def tables(self) -> dict[str, Any]:
        return tomllib.loads(self.text)


def read_shipped_recipes(root: Path) -> list[ShippedRecipe]:
    """All recipes of the project and of its packages, paper.toml first."""
    folders = ("recipes", "recipes/published", "plugins/*/recipes")
    files = [path for folder in folders for path in sorted(root.glob(f"{folder}/*.toml"))]
    files.sort(key=lambda file: file != root / "recipes/paper.toml")
    return [
        ShippedRecipe(_recipe_name(path), str(path.relative_to(root)), path.read_text(encoding="utf-8"))
        for path in files
    ]


def _recipe_name(path: Path) -> str:
    """A recipe's name with its folder, if this is one inside a folder ``recipes``."""
    return path.stem if path.parent.name == "recipes" else f"{path.parent.name}/{path.stem}"


def find_usages(entry: CatalogueEntry, recipes: list[ShippedRecipe], recipes_link: str) -> list[Usage]:
    """The uses of a component; ``recipes_link`` leads from its page to the folder of the recipes' pages."""
    return [
        Usage(f"{recipes_link}/{recipe.name}.md", f"{recipe.name}.toml", key)
        for recipe in recipes
        for kind, use, key in _iterate_uses(recipe.tables)
        if kind == entry.spec.kind and entry.matches_name(use)
    ]


def recipe_page(recipe: ShippedRecipe) -> str:
    """The page of a recipe: how to run it, and its text."""
    return build_page(
        f"# {recipe.path}",
        f"```console\n$ zerokd run {recipe.name if recipe.is_in_package else recipe.path}\n```",
        code_block("toml", recipe.text),
    )


def recipes_page(recipes: list[ShippedRecipe]) -> str:
    """The list of all recipes, each with the first paragraph of its comment."""
    lines = [f"* [{recipe.path}]({recipe.name}.md): {parse_leading_comment(recipe.text)[0]}" for recipe in recipes]
    return build_page("# Shipped recipes", "\n".join(lines))


def _iterate_uses(table: dict[str, Any], kind: str = "", path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """Every component that a table uses: kind, name and dotted key."""
    for key, value in table.items():
        key_path = (*path, key)
        below = "schedules" if kind == "losses" and key == "weight" else KIND_BY_TABLE.get(key, kind)
        if key == "adapt":
            names = [adapter if isinstance(adapter, str) else adapter["use"] for adapter in value]
            yield from (("adapters", name, ".".join(path)) for name in names)
        elif key == "use":
            yield kind, value, ".".join(path)
        elif isinstance(value, dict) and key != "on":
            yield from _iterate_uses(value, below, key_path)
