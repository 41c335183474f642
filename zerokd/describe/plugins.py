"""All plugins at a glance: who provides what, in which state, and what to know before trusting it."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from attrs import asdict, frozen

from zerokd.files.digest import file_sha256
from zerokd.plugin.catalogue import Catalogue, Provider
from zerokd.plugin.specs import SINGULAR

PLUGIN_TEXT_WIDTH = 80
DISTRIBUTION_NAME_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"  # of a distribution (PEP 508)


@frozen
class PluginStatus:
    """One plugin. ``partly`` means that some of its hooks work; ``brings`` counts components by kind."""

    provider: Provider
    state: Literal["ok", "partly", "broken"]
    brings: dict[str, int]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def components_text(self) -> str:
        """What it brings, in words."""
        many = {"data": "data sources"}
        words = (f"{n} {many.get(kind, kind) if n > 1 else SINGULAR[kind]}" for kind, n in self.brings.items())
        return ", ".join(words) or "nothing"


def list_plugin_statuses(catalogue: Catalogue) -> list[PluginStatus]:
    """Everybody who provides something or tried to; zerokd itself first."""
    known = {entry.provider for entry in catalogue.entries}
    known |= {ill.provider for ill in catalogue.broken_plugins} | {note.provider for note in catalogue.notes}
    return [
        _plugin_status(catalogue, one)
        for one in sorted(known, key=lambda one: (not one.builtin, one.name, one.version))
    ]


def _plugin_status(catalogue: Catalogue, provider: Provider) -> PluginStatus:
    brings = Counter(entry.spec.kind for entry in catalogue.entries if entry.provider == provider)
    reasons = tuple(ill.reason for ill in catalogue.broken_plugins if ill.provider == provider)
    notes = tuple(note.text for note in catalogue.notes if note.provider == provider)
    state: Literal["ok", "partly", "broken"] = "ok" if not reasons else "partly" if brings else "broken"
    return PluginStatus(provider, state, dict(brings), reasons, notes)


def describe_plugins(catalogue: Catalogue) -> str:
    """A line for each plugin, with its reasons and notes below, and the names that two provide."""
    found = list_plugin_statuses(catalogue)
    width = max(len(str(row.provider)) for row in found)
    lines = []
    for row in found:
        lines += _wrap_text(f"{row.provider!s:<{width}}  {row.state:<6}  {row.components_text}", width + 10)
        lines += [f"  {row.provider.path}"] if row.provider.path else []
        for text in (*row.reasons, *(f"note: {note}" for note in row.notes)):
            lines += _wrap_text(f"  {text}", 4)
    for clash in catalogue.describe_name_clashes():
        lines += _wrap_text(f"clash: {clash}", 2)
    return "\n".join(lines)


def _wrap_text(text: str, indent: int) -> list[str]:
    more = " " * indent
    return textwrap.wrap(
        text, PLUGIN_TEXT_WIDTH, subsequent_indent=more, break_long_words=False, break_on_hyphens=False
    )


def plugins_as_json(catalogue: Catalogue) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "plugins": [asdict(row) for row in list_plugin_statuses(catalogue)],
        "clashes": catalogue.describe_name_clashes(),
    }


def format_pip_requirements(catalogue: Catalogue) -> Iterator[str]:
    """What ``pip install -r`` needs to bring all usable plugins back; one-file plugins as comments."""
    for row in list_plugin_statuses(catalogue):
        if row.brings and row.provider.path:
            yield f"# {row.provider.path} sha256:{file_sha256(row.provider.path)}"
        elif row.brings and row.provider.version and not re.fullmatch(DISTRIBUTION_NAME_PATTERN, row.provider.name):
            yield f"# {row.provider}: no name that pip knows"
        elif row.brings and row.provider.version:
            yield f"{row.provider.name}=={row.provider.version}"
