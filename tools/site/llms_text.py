"""``llms.txt``: an index of the site's pages as plain text, for programs that read documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

MAX_SUMMARY_LENGTH = 160  # characters


def build_llms_text(navigation: str, pages: Mapping[str, str]) -> str:
    """Every page of the navigation (mkdocs.yml) under its section; ``pages`` holds their Markdown by path."""
    config: dict[str, Any] = yaml.safe_load(navigation)
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}"]
    for section in config["nav"]:
        ((title, content),) = section.items()
        if isinstance(content, list):
            lines += ["", f"## {title}", ""]
            lines += [_format_page_link(name, path, pages[path]) for name, path in _walk_navigation(content)]
    return "\n".join(lines) + "\n"


def _walk_navigation(entries: list[Any]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        ((title, content),) = entry.items()
        if isinstance(content, list):
            yield from _walk_navigation(content)
        else:
            yield title, content


def _format_page_link(name: str, path: str, text: str) -> str:
    return f"- [{name}]({path.removesuffix('.md')}.html): {extract_first_sentence(text)}"


def extract_first_sentence(text: str) -> str:
    """The first sentence of a page's first paragraph of prose, without markup."""
    text = re.sub(r"^---$.*?^---$|^```.*?^```$|^<!--.*?-->$", "", text, flags=re.S | re.M)
    paragraphs = [part.strip() for part in text.split("\n\n") if re.match(r"\s*[\w*`\[]", part) and " · `" not in part]
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(paragraphs[0].split()) if paragraphs else "")
    sentence = re.split(r"(?<=\.)\**\s", plain)[0].replace("*", "").replace("`", "")
    return sentence if len(sentence) <= MAX_SUMMARY_LENGTH else sentence[: MAX_SUMMARY_LENGTH - 3].rsplit(" ", 1)[0] + "..."
