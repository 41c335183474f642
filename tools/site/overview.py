"""``llms.txt``: the site's pages in one file of plain text, for programs that read documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

LONGEST = 160  # characters told of a page


def overview(navigation: str, pages: Mapping[str, str]) -> str:
    """Every page of the navigation (mkdocs.yml) under its section; ``pages`` has their Markdown by path."""
    found: dict[str, Any] = yaml.safe_load(navigation)
    lines = [f"# {found['site_name']}", "", f"> {found['site_description']}"]
    for section in found["nav"]:
        ((title, inside),) = section.items()
        if isinstance(inside, list):
            lines += ["", f"## {title}", ""]
            lines += [_line(name, path, pages[path]) for name, path in _leaves(inside)]
    return "\n".join(lines) + "\n"


def _leaves(entries: list[Any]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        ((title, inside),) = entry.items()
        if isinstance(inside, list):
            yield from _leaves(inside)
        else:
            yield title, inside


def _line(name: str, path: str, text: str) -> str:
    return f"- [{name}]({path.removesuffix('.md')}.html): {first_sentence(text)}"


def first_sentence(text: str) -> str:
    """The first sentence of a page's first paragraph of prose, without marks; a component's says what it is."""
    text = re.sub(r"^---$.*?^---$|^```.*?^```$|^<!--.*?-->$", "", text, flags=re.S | re.M)
    prose = [one.strip() for one in text.split("\n\n") if re.match(r"\s*[\w*`\[]", one) and " · `" not in one]
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(prose[0].split()) if prose else "")
    told = re.split(r"(?<=\.)\**\s", plain)[0].replace("*", "").replace("`", "")
    return told if len(told) <= LONGEST else told[: LONGEST - 3].rsplit(" ", 1)[0] + "..."
