"""The names that a recipe writes, whether what they stand for is understood or not.

A name that stands for something wrong is no unknown name: it has been told once, and nothing else is held against it.
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
    """What stands in the ``tables`` of a document."""

    tables: dict[str, Any]

    def declared(self, *path: str) -> Mapping[str, Any]:
        """The table at a path; empty if no table stands there."""
        table: Any = self.tables
        for part in path:
            table = table.get(part) if isinstance(table, dict) else None
        return table if isinstance(table, dict) else {}

    def is_complete(self, *tables: str) -> bool:
        """Whether a name that is missing in these top-level tables is missing indeed: none of them is wrong as a
        whole, and no unknown key may be meant as one of them."""
        needed = {name for name in tables if Recipe.model_fields[name].is_required()}
        whole = all(isinstance(self.tables.get(name, {}), dict) for name in tables)
        return whole and needed <= self.tables.keys() <= Recipe.model_fields.keys()

    def objectives(self) -> list[str]:
        """The equation of every stage that has one."""
        written = [self.declared("stages", name).get("objective") for name in self.declared("stages")]
        return [one for one in written if isinstance(one, str) and one.strip()]

    def names_in_equations(self) -> frozenset[str]:
        """Every name in an equation, of a stage or of a param that is made of others."""
        made = [self.declared("params", name).get("equals", "") for name in self.declared("params")]
        return frozenset(WORD_PATTERN.findall(" ".join([*self.objectives(), *map(str, made)])))

    def find_unused(
        self, params: Collection[str], groups: Collection[str], possibly_used: Collection[str]
    ) -> Iterator[tuple[KeyPath, str, str]]:
        """Each param or group that no stage uses, or that shares its name: a mistake somewhere. Where an equation has
        unknown names, those in ``meant`` may be used after all; where one is not known, any may."""
        used = self.names_in_equations().union(possibly_used)
        whole = self.is_complete("stages") and len(self.objectives()) == len(self.declared("stages"))
        for kind, names in (("params", params), ("terms", groups)):
            for name in names:
                if name in ("min", "max"):
                    yield (kind, name), f"{name!r} is a function of the equation, not a name", "rename it"
                elif whole and name not in used:
                    yield (kind, name), f"{kind}.{name} is used by no stage", "use it in an objective, or remove it"
                elif kind == "params" and name in self.declared("terms"):
                    yield (kind, name), f"{name!r} names a param and a group of terms", "rename one of them"
