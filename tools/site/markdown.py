"""Markdown as the site and a repository's file view both show it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

GENERATED_MARK = "<!-- made by `python -m tools.site`; change the source that it describes, not this page -->"


def build_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(map(_escape_cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def code_block(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def inline_code(text: str) -> str:
    """Code in a line; nothing for nothing."""
    return f"`{text}`" if text else ""


def docstring_to_markdown(text: str) -> str:
    """A docstring's prose: double backticks are code, a role of Sphinx is its name."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def build_page(*parts: str) -> str:
    """A generated page of those parts, with the line that says so."""
    return "\n\n".join([*filter(None, parts), GENERATED_MARK]) + "\n"


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
