"""The names that a recipe declares, whether their tables are valid or not.

The name of an invalid table is still a known name: zerokd reports that table once, and nothing that follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attrs import frozen

from zerokd.errors import KeyPath
from zerokd.recipe.schema.recipe import Recipe

WORD_PATTERN = re.compile(r"[^\W\d]\w*")


@frozen
class RecipeNames:
    """The names in the ``tables`` of a document."""

    tables: dict[str, Any]

    def declared(self, *path: str) -> Mapping[str, Any]:
        """The table at a path; empty if there is none."""
        table: Any = self.tables
        for part in path:
            table = table.get(part) if isinstance(table, dict) else None
        return table if isinstance(table, dict) else {}

    def is_complete(self, *tables: str) -> bool:
        """Whether a name that these top-level tables lack is really unknown: each of them is a table, and no unknown
        key of the recipe can be a misspelt one of them."""
        required = {name for name in tables if Recipe.model_fields[name].is_required()}
        are_tables = all(isinstance(self.tables.get(name, {}), dict) for name in tables)
        return are_tables and required <= self.tables.keys() <= Recipe.model_fields.keys()

    def players(self) -> list[Mapping[str, Any]]:
        """The table of every stage and of every critic: what has an objective."""
        stages = [self.declared("stages", name) for name in self.declared("stages")]
        critics = [self.declared("stages", name, "critic") for name in self.declared("stages")]
        return [*stages, *filter(None, critics)]

    def objectives(self) -> list[str]:
        """The equation of every player that has one."""
        values = [table.get("objective") for table in self.players()]
        return [value for value in values if isinstance(value, str) and value.strip()]

    def names_in_equations(self) -> frozenset[str]:
        """Every name in the equation of a player or of a derived param."""
        derived = [self.declared("params", name).get("equals", "") for name in self.declared("params")]
        return frozenset(WORD_PATTERN.findall(" ".join([*self.objectives(), *map(str, derived)])))

    def find_unused(
        self, params: Collection[str], groups: Collection[str], possibly_used: Collection[str]
    ) -> Iterator[tuple[KeyPath, str, str]]:
        """Path, message and hint of each param or group that no stage uses, or whose name has two meanings.

        A misspelt name in an equation may stand for any of ``possibly_used``; an invalid equation may use any name.
        """
        used = self.names_in_equations().union(possibly_used)
        all_known = self.is_complete("stages") and len(self.objectives()) == len(self.players())
        for kind, names in (("params", params), ("terms", groups)):
            for name in names:
                if name in ("min", "max"):
                    yield (kind, name), f"{name!r} is a function of the equation, not a name", "rename it"
                elif all_known and name not in used:
                    yield (kind, name), f"no stage uses {kind}.{name}", "use it in an objective, or remove it"
                elif kind == "params" and name in self.declared("terms"):
                    yield (kind, name), f"{name!r} names a param and a group of terms", "rename one of them"
