"""What a shell offers after TAB: names of components and plugins, found without importing torch."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from zerokd.plugin.catalogue import Catalogue

FILE = CompletionItem("", type="file")  # asks the shell for its own file names


def _catalogue() -> Catalogue:
    from zerokd.plugin.host import discover

    return discover()


def component_or_recipe(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Components by name, or files where a path has been begun."""
    if "/" in typed or typed.startswith((".", "~")):
        return [FILE]
    entries = _catalogue().entries
    names = {entry.qualified: entry.spec.summary for entry in entries if ":" in typed}
    names |= {entry.spec.name: entry.spec.summary for entry in entries if ":" not in typed}
    found = [CompletionItem(name, help=told) for name, told in sorted(names.items()) if name.startswith(typed)]
    return found or [FILE]


def plugin_or_component(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Distributions and components by name."""
    catalogue = _catalogue()
    names = {entry.provider.name for entry in catalogue.entries} | {entry.spec.name for entry in catalogue.entries}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(typed)]
