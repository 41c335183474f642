"""Markdown as the site and a repository's file view both show it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MADE = "<!-- made by `python -m tools.site`; change the source that it describes, not this page -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def code(text: str) -> str:
    """Code in a line; nothing for nothing."""
    return f"`{text}`" if text else ""


def from_docstring(text: str) -> str:
    """A docstring's prose: double backticks are code, a role of Sphinx is its name."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def page(*parts: str) -> str:
    """A generated page of those parts, with the line that says so."""
    return "\n\n".join([*filter(None, parts), MADE]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
