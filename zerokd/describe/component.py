"""All that is known of a component: as data, and as a page of 80 columns."""

from __future__ import annotations

import inspect
import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zerokd.describe.snippet import format_snippet
from zerokd.plugin.catalogue import CatalogueEntry
from zerokd.plugin.config_keys import format_interval, list_config_keys
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.loading import load_component
from zerokd.plugin.specs import SINGULAR, Signal
from zerokd.recipe.toml.format import format_toml_value

PAGE_WIDTH = 80
SECTION_HEADING = re.compile(r"[A-Z]\w+: ")  # "Formula: ..." starts a line of its own in a docstring
PORT_COLUMNS = ("port", "about", "range", "gradient", "default", "like")
SIGNAL_COLUMNS = ("signal", "range", "unchanged", "iterations")
KEY_COLUMNS = ("key", "type", "default", "bounds", "description")


def describe_component(entry: CatalogueEntry) -> dict[str, Any]:
    """What a component declares, as plain data.

    Raises:
        RecipeError: it cannot be imported, or is not what its kind promises.
    """
    component: Any = load_component(entry)
    with attribute_errors(f"the config of {entry.qualified_name}"):
        config = [attrs.asdict(key) for key in list_config_keys(component.Config)]
        example = format_snippet(entry, component)
    found = {"kind": entry.spec.kind, **attrs.asdict(entry.spec)}
    found |= {"provider": entry.provider.name, "version": entry.provider.version}
    found["doc"] = inspect.cleandoc(component.__doc__ or "")
    if hasattr(component, "ports"):
        ports = {name: attrs.asdict(port) for name, port in component.ports.items()}
        found["ports"] = [
            {"port": name, **port, "range": _replace_infinities(port["range"])} for name, port in ports.items()
        ]
        found["bounds"] = _replace_infinities(component.bounds)
    if entry.spec.kind == "metrics":
        found |= {"better": component.better, "unit": component.unit}
    if entry.spec.kind == "models":
        with attribute_errors(f"the outputs of {entry.qualified_name}"):
            made = component(
                **{key.key: key.example for key in list_config_keys(component.Config) if key.required}
            ).outputs()
        found["outputs"] = [_describe_signal(name, signal) for name, signal in made.items()]
    return found | {"config": config, "snippet": example}


def format_component_page(entry: CatalogueEntry) -> str:
    """The same for people."""
    known = describe_component(entry)
    parts = [
        f"{entry.spec.name}: {known['summary']}",
        f"{SINGULAR[known['kind']]} of {entry.provider}, {known['target']}",
    ]
    if known["doc"]:
        parts += ["", _wrap_docstring(known["doc"])]
    if "ports" in known:
        parts += ["", "Ports", _format_table(PORT_COLUMNS, map(_port_cells, known["ports"]))]
        unit = f" {known['unit']}" if known.get("unit") else ""
        better = f"; {known['better']} is better" if "better" in known else ""
        parts += ["", f"Values in {format_interval(*known['bounds']) or 'any range'}{unit}{better}"]
    if "outputs" in known:
        parts += ["", "Outputs", _format_table(SIGNAL_COLUMNS, map(signal_cells, known["outputs"]))]
    parts += (
        ["", "Config", _format_table(KEY_COLUMNS, map(_key_cells, known["config"]))]
        if known["config"]
        else ["", "Config: none"]
    )
    where = "On the command line" if known["kind"] == "exporters" else "In a recipe"
    return "\n".join([*parts, "", where, textwrap.indent(known["snippet"], "  ")])


def _port_cells(port: dict[str, Any]) -> tuple[str, ...]:
    values = (format_interval(*port["range"]) if port["range"] else "") or "any"
    values += f", {port['channels']} channels" if port["channels"] else ""
    gradient = "yes" if port["grad"] else "no"
    return port["port"], port["about"], values, gradient, port["default"] or "none", port["like"] or ""


def signal_cells(signal: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of a table of outputs: name, range, unchanged value, iterations."""
    values = format_interval(*signal["range"]) if signal["range"] else ""
    numbers = (signal["unchanged"], signal["iterations"])
    return signal["signal"], values or "any", *("" if number is None else f"{number:g}" for number in numbers)


def _key_cells(key: dict[str, Any]) -> tuple[str, ...]:
    default = "none" if key["default"] is None else format_toml_value(key["default"])
    return key["key"], key["type"], "required" if key["required"] else default, key["bounds"], key["description"]


def _describe_signal(name: str, signal: Signal) -> dict[str, Any]:
    """All but the shape, which is known only when the signal has been made."""
    values, kept = _replace_infinities(signal.range), {"unchanged": signal.unchanged, "iterations": signal.iterations}
    return {"signal": name, "range": values, **kept}


def _replace_infinities(pair: tuple[float, float] | None) -> list[float | None] | None:
    """JSON has no infinity."""
    return None if pair is None else [None if math.isinf(one) else one for one in pair]


def _wrap_docstring(doc: str) -> str:
    """A docstring in lines of 80 columns: code as it stands, prose filled, each section from a line of its own."""
    paragraphs: list[list[str]] = []
    before = ""
    for line in doc.splitlines():
        if not _is_prose(line) or not _is_prose(before) or SECTION_HEADING.match(line):
            paragraphs.append([])
        paragraphs[-1].append(line)
        before = line
    return "\n".join(map(_fill_paragraph, paragraphs))


def _is_prose(line: str) -> bool:
    return bool(line) and not line.startswith((" ", ">>>"))


def _fill_paragraph(lines: list[str]) -> str:
    if not _is_prose(lines[0]):
        return lines[0]
    hanging = "  " if SECTION_HEADING.match(lines[0]) else ""
    wrapper = textwrap.TextWrapper(
        PAGE_WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.fill(" ".join(lines))


def _format_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Columns side by side; what is too wide goes on in the next line of its cell."""
    table = Table(*header, box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    table.columns[0].no_wrap = True
    for column in table.columns:
        column.overflow = "fold"  # a name that is wider than its column is cut in two, never short
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=PAGE_WIDTH - 2, color_system=None)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    return "\n".join(f"  {line}".rstrip() for line in lines)
