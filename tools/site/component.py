"""The page of a component, generated from its declarations: ``zerokd show``, rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from tools.site.markdown import build_page, build_table, code_block, docstring_to_markdown, inline_code
from zerokd.describe.component import describe_component, signal_cells
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.config_keys import format_interval
from zerokd.plugin.kinds import KINDS
from zerokd.recipe.toml.format import format_toml_value

DOCSTRING_SECTION = re.compile(r"^(Formula|Returns|Scale|Source|Pitfalls|Example): ?", re.M)
SECTION_TITLES = {"Returns": "Values and minimum", "Example": "In Python"}
SECTION_ORDER = ("Formula", "Returns", "Scale", "Source", "Pitfalls")


@frozen
class Usage:
    """A use of a component in a recipe: link and title of the recipe's page, and the dotted key."""

    link: str
    title: str
    key: str


def split_sections(doc: str) -> dict[str, str]:
    """The sections of a docstring by title: "" is the text before the first one, "Example" is code."""
    pieces = DOCSTRING_SECTION.split(doc)
    sections = {"": pieces[0].strip()}
    for title, text in zip(pieces[1::2], pieces[2::2], strict=True):
        sections[title] = text.strip() if title != "Example" else _dedent(text)
    return sections


def component_page(entry: CatalogueEntry, usages: Sequence[Usage], image_path: str = "") -> str:
    """The page of a component; ``image_path`` is empty if it has no image."""
    declaration = describe_component(entry)
    doc = split_sections(declaration["doc"])
    title = "In a recipe" if declaration["kind"] != "exporters" else "On the command line"
    language = "toml" if declaration["kind"] != "exporters" else "console"
    snippet = declaration["snippet"] if language == "toml" else f"$ {declaration['snippet']}"
    return build_page(
        f"# {entry.spec.name}",
        f"{KINDS[declaration['kind']].singular} of {_describe_provider(entry)} · {inline_code(declaration['target'])}",
        f"**{declaration['summary']}.** {docstring_to_markdown(doc[''])}",
        *(_render_section(name, doc[name]) for name in SECTION_ORDER[:1] if name in doc),
        _render_image(entry, image_path),
        f"## {title}",
        code_block(language, snippet),
        _describe_usages(usages),
        *_render_tables(declaration),
        *(_render_section(name, doc[name]) for name in SECTION_ORDER[1:] if name in doc),
        f"## {SECTION_TITLES['Example']}\n\n{code_block('pycon', doc['Example'])}" if "Example" in doc else "",
    )


def _describe_provider(entry: CatalogueEntry) -> str:
    return (
        "zerokd"
        if entry.provider.builtin
        else f"the package [{entry.provider.name}](../../packages.md#{entry.provider.name})"
    )


def _render_section(name: str, text: str) -> str:
    """A heading and its text; a formula at its start becomes a block."""
    text = docstring_to_markdown(text)
    opening = re.match(r"\$([^$]+)\$[,.]?\s*", text)
    if name == "Formula" and opening:
        text = f"$$\n{' '.join(opening[1].split())}\n$$\n\n{text[opening.end() :]}".rstrip()
    return f"## {SECTION_TITLES.get(name, name)}\n\n{text}"


def _render_image(entry: CatalogueEntry, image_path: str) -> str:
    if not image_path:
        return ""
    caption = f"Generated scenes: input, the student before, and the student after training on `{entry.spec.name}` only"
    return f"## Effect of this loss alone\n\n![{caption.replace('`', '')}]({image_path})\n\n*{caption}.*"


def _describe_usages(usages: Sequence[Usage]) -> str:
    if not usages:
        return "No shipped recipe uses it."
    keys: dict[str, list[str]] = {}
    for usage in usages:
        keys.setdefault(f"[{usage.title}]({usage.link})", []).append(inline_code(usage.key))
    named = (f"{link} as {', '.join(names)}" for link, names in keys.items())
    return f"Used by {'; '.join(named)}."


def _render_tables(declaration: Mapping[str, Any]) -> list[str]:
    parts = []
    if "ports" in declaration:
        head = ("port", "meaning", "shape", "range", "gradient", "reads", "like")
        parts.append("## Ports\n\n" + build_table(head, map(_port_cells, declaration["ports"])))
        unit = f" {declaration['unit']}" if declaration.get("unit") else ""
        better = f"; {declaration['better']} is better" if "better" in declaration else ""
        parts.append(f"Values are in {format_interval(*declaration['bounds']) or 'any range'}{unit}{better}.")
    if "outputs" in declaration:
        outputs = ("output", "range", "value of the identity", "curve iterations")
        parts.append("## Outputs\n\n" + build_table(outputs, map(_output_cells, declaration["outputs"])))
    if declaration["config"]:
        parts.append("## Config\n\n" + keys_table(declaration["config"]))
    return parts


def keys_table(keys: Sequence[Mapping[str, Any]]) -> str:
    """A table of config keys."""
    rows = [
        (inline_code(key["key"]), key["type"], _format_default(key), inline_code(key["bounds"]), docstring_to_markdown(key["description"]))
        for key in keys
    ]
    return build_table(("key", "type", "default", "bounds", "meaning"), rows)


def _format_default(key: Mapping[str, Any]) -> str:
    if key["required"]:
        return "**required**"
    return "none" if key["default"] is None else inline_code(format_toml_value(key["default"]))


def _port_cells(port: Mapping[str, Any]) -> tuple[str, ...]:
    values = (format_interval(*port["range"]) if port["range"] else "") or "any"
    shape = f"(N, {port['channels'] or 'C'}, H, W)"
    gradient = "yes" if port["grad"] else "no"
    reads = inline_code(port["default"] or "") or "the signal that `on` names"
    return inline_code(port["port"]), port["about"], shape, values, gradient, reads, inline_code(port["like"] or "")


def _output_cells(signal: Mapping[str, Any]) -> tuple[str, ...]:
    name, *more = signal_cells(signal)
    return inline_code(name), *more


def _dedent(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.strip("\n").splitlines())
