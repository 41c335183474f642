"""What a shell offers after TAB: names of components and plugins, found without importing torch."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from zerokd.plugin.catalogue import Catalogue

FILE_COMPLETION = CompletionItem("", type="file")  # asks the shell for its own file names


def _discover_catalogue() -> Catalogue:
    from zerokd.plugin.discovery import discover_plugins

    return discover_plugins()


def complete_component_or_recipe(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Components by name, or files where a path has been begun."""
    if "/" in incomplete or incomplete.startswith((".", "~")):
        return [FILE_COMPLETION]
    entries = _discover_catalogue().entries
    names = {entry.qualified_name: entry.spec.summary for entry in entries if ":" in incomplete}
    names |= {entry.spec.name: entry.spec.summary for entry in entries if ":" not in incomplete}
    found = [CompletionItem(name, help=told) for name, told in sorted(names.items()) if name.startswith(incomplete)]
    return found or [FILE_COMPLETION]


def complete_plugin_or_component(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Distributions and components by name."""
    catalogue = _discover_catalogue()
    names = {entry.provider.name for entry in catalogue.entries} | {entry.spec.name for entry in catalogue.entries}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
