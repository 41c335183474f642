"""``llms.txt``: the site's pages in one file of plain text, for programs that read documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

MAX_SUMMARY_LENGTH = 160  # characters told of a page


def build_llms_text(navigation: str, pages: Mapping[str, str]) -> str:
    """Every page of the navigation (mkdocs.yml) under its section; ``pages`` has their Markdown by path."""
    found: dict[str, Any] = yaml.safe_load(navigation)
    lines = [f"# {found['site_name']}", "", f"> {found['site_description']}"]
    for section in found["nav"]:
        ((title, inside),) = section.items()
        if isinstance(inside, list):
            lines += ["", f"## {title}", ""]
            lines += [_format_page_link(name, path, pages[path]) for name, path in _walk_navigation(inside)]
    return "\n".join(lines) + "\n"


def _walk_navigation(entries: list[Any]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        ((title, inside),) = entry.items()
        if isinstance(inside, list):
            yield from _walk_navigation(inside)
        else:
            yield title, inside


def _format_page_link(name: str, path: str, text: str) -> str:
    return f"- [{name}]({path.removesuffix('.md')}.html): {extract_first_sentence(text)}"


def extract_first_sentence(text: str) -> str:
    """The first sentence of a page's first paragraph of prose, without marks; a component's says what it is."""
    text = re.sub(r"^---$.*?^---$|^```.*?^```$|^<!--.*?-->$", "", text, flags=re.S | re.M)
    prose = [one.strip() for one in text.split("\n\n") if re.match(r"\s*[\w*`\[]", one) and " · `" not in one]
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(prose[0].split()) if prose else "")
    told = re.split(r"(?<=\.)\**\s", plain)[0].replace("*", "").replace("`", "")
    return told if len(told) <= MAX_SUMMARY_LENGTH else told[: MAX_SUMMARY_LENGTH - 3].rsplit(" ", 1)[0] + "..."
