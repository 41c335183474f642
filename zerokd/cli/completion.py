"""Shell completion of component, recipe and plugin names, without importing torch."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from zerokd.plugin.catalogue import Catalogue

FILE_COMPLETION = CompletionItem("", type="file")  # the shell completes file names itself


def _discover_catalogue() -> Catalogue:
    from zerokd.plugin.discovery import discover_plugins

    return discover_plugins()


def _list_recipe_names() -> list[str]:
    from zerokd.recipe.toml.shipped import list_shipped_recipes

    return list(list_shipped_recipes())


def complete_component_or_recipe(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete component names and names of shipped recipes, or files after the start of a path."""
    if "/" in incomplete or incomplete.startswith((".", "~")):
        return [FILE_COMPLETION]
    entries = _discover_catalogue().entries
    names = {entry.qualified_name: entry.spec.summary for entry in entries if ":" in incomplete}
    names |= {entry.spec.name: entry.spec.summary for entry in entries if ":" not in incomplete}
    names |= dict.fromkeys(_list_recipe_names(), "recipe")
    items = sorted(names.items())
    matches = [CompletionItem(name, help=summary) for name, summary in items if name.startswith(incomplete)]
    return matches or [FILE_COMPLETION]


def complete_recipe(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of shipped recipes, and files."""
    names = [name for name in _list_recipe_names() if name.startswith(incomplete)]
    return [*map(CompletionItem, names), FILE_COMPLETION]


def complete_plugin_or_component(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete names of distributions and components."""
    catalogue = _discover_catalogue()
    names = {entry.provider.name for entry in catalogue.entries} | {entry.spec.name for entry in catalogue.entries}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
