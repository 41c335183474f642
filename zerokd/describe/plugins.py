"""All plugins at a glance: what each provides, its state, and notes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from attrs import asdict, frozen

from zerokd.files.digest import file_sha256
from zerokd.plugin.catalogue import Catalogue, Provider
from zerokd.plugin.kinds import KINDS
from zerokd.text import wrap_text

DISTRIBUTION_NAME_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"  # PEP 508


class PluginState(StrEnum):
    """Whether all, some or none of a plugin's hooks work."""

    OK = "ok"
    PARTLY = "partly"
    BROKEN = "broken"


@frozen
class PluginStatus:
    """A plugin. ``brings`` counts its components by kind; ``reasons`` say why hooks failed."""

    provider: Provider
    state: PluginState
    brings: dict[str, int]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def components_text(self) -> str:
        """Its components, counted in words."""
        return ", ".join(KINDS[kind].count(number) for kind, number in self.brings.items()) or "nothing"


def list_plugin_statuses(catalogue: Catalogue) -> list[PluginStatus]:
    """Every provider, broken ones too; zerokd itself first."""
    providers = {entry.provider for entry in catalogue.entries}
    providers |= {plugin.provider for plugin in catalogue.broken_plugins}
    providers |= {note.provider for note in catalogue.notes}
    ordered = sorted(providers, key=lambda provider: (not provider.builtin, provider.name, provider.version))
    return [_plugin_status(catalogue, provider) for provider in ordered]


def _plugin_status(catalogue: Catalogue, provider: Provider) -> PluginStatus:
    brings = Counter(entry.spec.kind for entry in catalogue.entries if entry.provider == provider)
    reasons = tuple(plugin.reason for plugin in catalogue.broken_plugins if plugin.provider == provider)
    notes = tuple(note.text for note in catalogue.notes if note.provider == provider)
    state = PluginState.OK if not reasons else PluginState.PARTLY if brings else PluginState.BROKEN
    return PluginStatus(provider, state, dict(brings), reasons, notes)


def describe_plugins(catalogue: Catalogue) -> str:
    """A line for each plugin, its reasons and notes below, and the names that two plugins provide."""
    statuses = list_plugin_statuses(catalogue)
    width = max(len(str(status.provider)) for status in statuses)
    lines = []
    for status in statuses:
        lines += wrap_text(
            f"{status.provider!s:<{width}}  {status.state:<6}  {status.components_text}", " " * (width + 10)
        )
        lines += [f"  {status.provider.path}"] if status.provider.path else []
        for text in (*status.reasons, *(f"note: {note}" for note in status.notes)):
            lines += wrap_text(f"  {text}", "    ")
    for clash in catalogue.describe_name_clashes():
        lines += wrap_text(f"clash: {clash}", "  ")
    return "\n".join(lines)


def plugins_as_json(catalogue: Catalogue) -> dict[str, Any]:
    """All statuses and clashes as plain data."""
    return {
        "plugins": [asdict(status) for status in list_plugin_statuses(catalogue)],
        "clashes": catalogue.describe_name_clashes(),
    }


def format_pip_requirements(catalogue: Catalogue) -> Iterator[str]:
    """Lines for ``pip install -r`` that install all usable plugins again; one-file plugins are comments."""
    for status in list_plugin_statuses(catalogue):
        provider = status.provider
        if status.brings and provider.path:
            yield f"# {provider.path} sha256:{file_sha256(provider.path)}"
        elif status.brings and provider.version and re.fullmatch(DISTRIBUTION_NAME_PATTERN, provider.name):
            yield f"{provider.name}=={provider.version}"
        elif status.brings and provider.version:
            yield f"# {provider}: not a valid package name"
