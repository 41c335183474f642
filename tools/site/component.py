"""The page of a component, from what it declares: what ``zerokd show`` tells, rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from tools.site.markdown import code, fenced, from_docstring, page, table
from zerokd.describe.component import facts, signal_cells
from zerokd.plugin.catalogue import Entry
from zerokd.plugin.keys import interval
from zerokd.plugin.specs import SINGULAR
from zerokd.recipe.toml.format import value_text

SECTION = re.compile(r"^(Formula|Returns|Scale|Source|Pitfalls|Example): ?", re.M)
TITLES = {"Returns": "Values and minimum", "Example": "In Python"}
ORDER = ("Formula", "Returns", "Scale", "Source", "Pitfalls")


@frozen
class Place:
    """Where a recipe uses a component: the recipe's page and title, and the dotted key."""

    link: str
    title: str
    key: str


def sections(doc: str) -> dict[str, str]:
    """A docstring's parts by title; "" is what stands before the first one, "Example" is code."""
    pieces = SECTION.split(doc)
    found = {"": pieces[0].strip()}
    for title, text in zip(pieces[1::2], pieces[2::2], strict=True):
        found[title] = text.strip() if title != "Example" else _dedented(text)
    return found


def component_page(entry: Entry, used: Sequence[Place], picture: str = "") -> str:
    """One component on one page; ``picture`` is the path of its picture, where there is one."""
    known = facts(entry)
    doc = sections(known["doc"])
    title = "In a recipe" if known["kind"] != "exporters" else "On the command line"
    language = "toml" if known["kind"] != "exporters" else "console"
    snippet = known["snippet"] if language == "toml" else f"$ {known['snippet']}"
    return page(
        f"# {entry.spec.name}",
        f"{SINGULAR[known['kind']]} of {_provider(entry)} · {code(known['target'])}",
        f"**{known['summary']}.** {from_docstring(doc[''])}",
        *(_section(name, doc[name]) for name in ORDER[:1] if name in doc),
        _picture(entry, picture),
        f"## {title}",
        fenced(language, snippet),
        _used(used),
        *_tables(known),
        *(_section(name, doc[name]) for name in ORDER[1:] if name in doc),
        f"## {TITLES['Example']}\n\n{fenced('pycon', doc['Example'])}" if "Example" in doc else "",
    )


def _provider(entry: Entry) -> str:
    return (
        "zerokd"
        if entry.provider.builtin
        else f"the package [{entry.provider.name}](../../packages.md#{entry.provider.name})"
    )


def _section(name: str, text: str) -> str:
    """A heading and its text; a formula that opens it stands by itself."""
    text = from_docstring(text)
    opening = re.match(r"\$([^$]+)\$[,.]?\s*", text)
    if name == "Formula" and opening:
        text = f"$$\n{' '.join(opening[1].split())}\n$$\n\n{text[opening.end() :]}".rstrip()
    return f"## {TITLES.get(name, name)}\n\n{text}"


def _picture(entry: Entry, picture: str) -> str:
    if not picture:
        return ""
    told = f"Generated scenes: as they are, by the student before, and after training on `{entry.spec.name}` alone"
    return f"## What it does alone\n\n![{told.replace('`', '')}]({picture})\n\n*{told}.*"


def _used(used: Sequence[Place]) -> str:
    if not used:
        return "No recipe that ships uses it."
    keys: dict[str, list[str]] = {}
    for one in used:
        keys.setdefault(f"[{one.title}]({one.link})", []).append(code(one.key))
    named = (f"{link} as {', '.join(some)}" for link, some in keys.items())
    return f"Used by {'; '.join(named)}."


def _tables(known: Mapping[str, Any]) -> list[str]:
    parts = []
    if "ports" in known:
        head = ("port", "is", "shape", "range", "gradient", "reads", "like")
        parts.append("## Ports\n\n" + table(head, map(_port, known["ports"])))
        unit = f" {known['unit']}" if known.get("unit") else ""
        better = f"; {known['better']} is better" if "better" in known else ""
        parts.append(f"Values lie in {interval(*known['bounds']) or 'any range'}{unit}{better}.")
    if "outputs" in known:
        outputs = ("output", "range", "where nothing changes", "curve iterations")
        parts.append("## Outputs\n\n" + table(outputs, map(_signal, known["outputs"])))
    if known["config"]:
        parts.append("## Config\n\n" + keys_table(known["config"]))
    return parts


def keys_table(keys: Sequence[Mapping[str, Any]]) -> str:
    """The keys of a config."""
    rows = [
        (code(one["key"]), one["type"], _default(one), code(one["bounds"]), from_docstring(one["description"]))
        for one in keys
    ]
    return table(("key", "type", "default", "bounds", "is"), rows)


def _default(key: Mapping[str, Any]) -> str:
    if key["required"]:
        return "**required**"
    return "none" if key["default"] is None else code(value_text(key["default"]))


def _port(port: Mapping[str, Any]) -> tuple[str, ...]:
    values = (interval(*port["range"]) if port["range"] else "") or "any"
    shape = f"(N, {port['channels'] or 'C'}, H, W)"
    gradient = "yes" if port["grad"] else "no"
    reads = code(port["default"] or "") or "what `on` says"
    return code(port["port"]), port["about"], shape, values, gradient, reads, code(port["like"] or "")


def _signal(signal: Mapping[str, Any]) -> tuple[str, ...]:
    name, *more = signal_cells(signal)
    return code(name), *more


def _dedented(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.strip("\n").splitlines())
