"""Everything that a component declares: as data, and as a page of 80 columns."""

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
from zerokd.plugin.kinds import KINDS
from zerokd.plugin.loading import load_component
from zerokd.plugin.ports import Signal
from zerokd.recipe.toml.format import format_toml_value
from zerokd.text import TEXT_WIDTH, wrap_text

SECTION_HEADING = re.compile(r"[A-Z]\w+: ")  # "Formula: ..." starts a new line of a docstring
PORT_COLUMNS = ("port", "about", "range", "gradient", "default", "like")
SIGNAL_COLUMNS = ("signal", "range", "unchanged", "iterations")
ENHANCED_ALONE = {"enhanced": Signal(range=(0.0, 1.0))}
KEY_COLUMNS = ("key", "type", "default", "bounds", "description")


def describe_component(entry: CatalogueEntry) -> dict[str, Any]:
    """What a component declares, as plain data.

    Raises:
        RecipeError: it cannot be imported, or breaks the contract of its kind.
    """
    component: Any = load_component(entry)
    with attribute_errors(f"the config of {entry.qualified_name}"):
        config = [attrs.asdict(key) for key in list_config_keys(component.Config)]
        example = format_snippet(entry, component)
    page = {"kind": entry.spec.kind, **attrs.asdict(entry.spec)}
    page |= {"provider": entry.provider.name, "version": entry.provider.version}
    page["doc"] = inspect.cleandoc(component.__doc__ or "")
    if hasattr(component, "ports"):
        ports = {name: attrs.asdict(port) for name, port in component.ports.items()}
        page["ports"] = [
            {"port": name, **port, "range": _replace_infinities(port["range"])} for name, port in ports.items()
        ]
        page["bounds"] = _replace_infinities(component.bounds)
    if entry.spec.kind == "metrics":
        page |= {"better": component.better, "unit": component.unit}
    if entry.spec.kind == "models":
        with attribute_errors(f"the outputs of {entry.qualified_name}"):
            required = {key.key: key.example for key in list_config_keys(component.Config) if key.required}
            # a frozen model has the outputs of its file
            outputs = ENHANCED_ALONE if component.is_frozen else component(**required).outputs()
        page["outputs"] = [_describe_signal(name, signal) for name, signal in outputs.items()]
    return page | {"config": config, "snippet": example}


def format_component_page(entry: CatalogueEntry) -> str:
    """The page of a component, for people."""
    page = describe_component(entry)
    parts = [
        f"{entry.spec.name}: {page['summary']}",
        f"{KINDS[page['kind']].singular} of {entry.provider}, {page['target']}",
    ]
    if page["doc"]:
        parts += ["", _wrap_docstring(page["doc"])]
    if "ports" in page:
        parts += ["", "Ports", _format_table(PORT_COLUMNS, map(_port_cells, page["ports"]))]
        unit = f" {page['unit']}" if page.get("unit") else ""
        better = f"; {page['better']} is better" if "better" in page else ""
        parts += ["", f"Values in {format_interval(*page['bounds']) or 'any range'}{unit}{better}"]
    if "outputs" in page:
        parts += ["", "Outputs", _format_table(SIGNAL_COLUMNS, map(signal_cells, page["outputs"]))]
    parts += (
        ["", "Config", _format_table(KEY_COLUMNS, map(_key_cells, page["config"]))]
        if page["config"]
        else ["", "Config: none"]
    )
    heading = "On the command line" if page["kind"] == "exporters" else "In a recipe"
    return "\n".join([*parts, "", heading, textwrap.indent(page["snippet"], "  ")])


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
    """All but the shape, which is known only once the signal has been computed."""
    values = _replace_infinities(signal.range)
    return {"signal": name, "range": values, "unchanged": signal.unchanged, "iterations": signal.iterations}


def _replace_infinities(pair: tuple[float, float] | None) -> list[float | None] | None:
    """JSON has no infinity."""
    return None if pair is None else [None if math.isinf(bound) else bound for bound in pair]


def _wrap_docstring(doc: str) -> str:
    """A docstring in lines of 80 columns: code as written, prose filled, each section on a new line."""
    paragraphs: list[list[str]] = []
    previous = ""
    for line in doc.splitlines():
        if not _is_prose(line) or not _is_prose(previous) or SECTION_HEADING.match(line):
            paragraphs.append([])
        paragraphs[-1].append(line)
        previous = line
    return "\n".join(map(_fill_paragraph, paragraphs))


def _is_prose(line: str) -> bool:
    return bool(line) and not line.startswith((" ", ">>>"))


def _fill_paragraph(lines: list[str]) -> str:
    if not _is_prose(lines[0]):
        return lines[0]
    return "\n".join(wrap_text(" ".join(lines), "  " if SECTION_HEADING.match(lines[0]) else ""))


def _format_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Columns side by side; a cell that is too wide continues on the next line."""
    table = Table(*header, box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    table.columns[0].no_wrap = True
    for column in table.columns:
        column.overflow = "fold"  # splits a name that is wider than its column, and drops nothing
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=TEXT_WIDTH - 2, color_system=None)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    return "\n".join(f"  {line}".rstrip() for line in lines)
