"""All plugins at a glance: who provides what, in which state, and what to know before trusting it."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from attrs import asdict, frozen

from zerokd.files.digest import sha256
from zerokd.plugin.catalogue import Catalogue, Provider
from zerokd.plugin.specs import SINGULAR

WIDTH = 80
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"  # of a distribution (PEP 508)


@frozen
class Row:
    """One plugin. ``partly`` means that some of its hooks work; ``brings`` counts components by kind."""

    provider: Provider
    state: Literal["ok", "partly", "broken"]
    brings: dict[str, int]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def told(self) -> str:
        """What it brings, in words."""
        many = {"data": "data sources"}
        words = (f"{n} {many.get(kind, kind) if n > 1 else SINGULAR[kind]}" for kind, n in self.brings.items())
        return ", ".join(words) or "nothing"


def rows(catalogue: Catalogue) -> list[Row]:
    """Everybody who provides something or tried to; zerokd itself first."""
    known = {entry.provider for entry in catalogue.entries}
    known |= {ill.provider for ill in catalogue.broken} | {note.provider for note in catalogue.notes}
    return [_row(catalogue, one) for one in sorted(known, key=lambda one: (not one.builtin, one.name, one.version))]


def _row(catalogue: Catalogue, provider: Provider) -> Row:
    brings = Counter(entry.spec.kind for entry in catalogue.entries if entry.provider == provider)
    reasons = tuple(ill.reason for ill in catalogue.broken if ill.provider == provider)
    notes = tuple(note.text for note in catalogue.notes if note.provider == provider)
    state: Literal["ok", "partly", "broken"] = "ok" if not reasons else "partly" if brings else "broken"
    return Row(provider, state, dict(brings), reasons, notes)


def as_text(catalogue: Catalogue) -> str:
    """A line for each plugin, with its reasons and notes below, and the names that two provide."""
    found = rows(catalogue)
    width = max(len(str(row.provider)) for row in found)
    lines = []
    for row in found:
        lines += _wrapped(f"{row.provider!s:<{width}}  {row.state:<6}  {row.told}", width + 10)
        lines += [f"  {row.provider.path}"] if row.provider.path else []
        for text in (*row.reasons, *(f"note: {note}" for note in row.notes)):
            lines += _wrapped(f"  {text}", 4)
    for clash in catalogue.clashes():
        lines += _wrapped(f"clash: {clash}", 2)
    return "\n".join(lines)


def _wrapped(text: str, hanging: int) -> list[str]:
    more = " " * hanging
    return textwrap.wrap(text, WIDTH, subsequent_indent=more, break_long_words=False, break_on_hyphens=False)


def as_json(catalogue: Catalogue) -> dict[str, Any]:
    """The same as plain data."""
    return {"plugins": [asdict(row) for row in rows(catalogue)], "clashes": catalogue.clashes()}


def requirements(catalogue: Catalogue) -> Iterator[str]:
    """What ``pip install -r`` needs to bring all usable plugins back; one-file plugins as comments."""
    for row in rows(catalogue):
        if row.brings and row.provider.path:
            yield f"# {row.provider.path} sha256:{sha256(row.provider.path)}"
        elif row.brings and row.provider.version and not re.fullmatch(NAME, row.provider.name):
            yield f"# {row.provider}: no name that pip knows"
        elif row.brings and row.provider.version:
            yield f"{row.provider.name}=={row.provider.version}"
