"""What a shipped recipe is for: the comment at its start is the only source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from zerokd.recipe.toml.shipped import list_shipped_recipes
from zerokd.text import wrap_text

FACTS = ("Goal", "Data", "Time", "Source", "Expected")  # each starts a paragraph of the comment
SHOWN_FACTS = ("Goal", "Data", "Time", "Expected")
MARK = "# "


@frozen
class RecipeDescription:
    """A recipe's name and file, the first paragraph of its comment, and its facts, by the words in :data:`FACTS`."""

    name: str
    path: Path
    summary: str
    facts: dict[str, str]

    def as_json(self) -> dict[str, str]:
        """The description for programs, with the facts as keys in lower case."""
        facts = {key.lower(): self.facts[key] for key in SHOWN_FACTS if key in self.facts}
        return {"name": self.name, "summary": self.summary, **facts, "path": str(self.path)}


def describe_shipped_recipes() -> list[RecipeDescription]:
    """The shipped recipes, by name."""
    return [
        RecipeDescription(name, path, *parse_leading_comment(path.read_text(encoding="utf-8")))
        for name, path in list_shipped_recipes().items()
    ]


def parse_leading_comment(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of the comment at the start of a recipe, and each fact in it."""
    summary: list[str] = []
    facts: dict[str, list[str]] = {}
    lines = summary
    for line in text.splitlines():
        if line.startswith("#:"):  # the schema, for editors
            continue
        if not line.startswith("#"):
            break
        word, _, rest = line.removeprefix(MARK).partition(" ")
        if word in FACTS:
            lines = facts[word] = [rest.strip()]
        elif line.strip() == "#":
            lines = []  # what follows belongs to no fact
        else:
            lines.append(line.removeprefix(MARK).strip())
    return " ".join(summary).rstrip(".") + ".", {word: " ".join(lines) for word, lines in facts.items()}


def format_recipe_list(recipes: Iterable[RecipeDescription]) -> str:
    """Each recipe with its facts, in at most 80 columns."""
    width = max(map(len, SHOWN_FACTS))
    lines: list[str] = []
    for recipe in recipes:
        lines += ["", recipe.name, *wrap_text(recipe.summary, "  ", "  ")]
        for word in (word for word in SHOWN_FACTS if word in recipe.facts):
            lines += wrap_text(recipe.facts[word], " " * (width + 4), f"  {word.lower():<{width}}  ")
    return "\n".join(lines[1:])
