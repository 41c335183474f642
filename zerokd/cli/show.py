"""``zerokd show``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.completion import complete_component_or_recipe
from zerokd.cli.options import plugin_option, recipe_options


@click.command("show")
@click.argument("subject", metavar="NAME|RECIPE", shell_complete=complete_component_or_recipe)
@click.option("--resolved", is_flag=True, help="A recipe as a run uses it, each value with its origin.")
@click.option("--json", "as_json", is_flag=True, help="A component as JSON, for programs.")
@recipe_options
@plugin_option
def command(subject: str, resolved: bool, as_json: bool, plugins: tuple[Path, ...], **changes: Any) -> None:
    """Show a component by NAME or distribution:name, or with --resolved a RECIPE."""
    if resolved and as_json:
        raise click.UsageError("--json shows a component; a resolved recipe is TOML")
    if not resolved and any(value not in (None, ()) for value in changes.values()):
        raise click.UsageError("--set, --data, --epochs and --seed change a recipe; add --resolved to see it")
    text = (
        _format_resolved_recipe(subject, plugins, changes)
        if resolved
        else _format_components(subject, plugins, as_json)
    )
    with ignore_broken_pipe(sys.stdout):
        click.echo(text, nl=False)


def _format_resolved_recipe(path: str, plugins: tuple[Path, ...], changes: dict[str, Any]) -> str:
    from zerokd.describe import resolved_recipe
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.build.overrides import apply_options_and_validate
    from zerokd.recipe.toml.extends import read_recipe_document

    document, recipe = apply_options_and_validate(read_recipe_document(path), **changes)
    return resolved_recipe.format_annotated_toml(
        resolved_recipe.fill_defaults(recipe, document, discover_plugins(plugins, strict=True)), document
    )


def _format_components(name: str, plugins: tuple[Path, ...], as_json: bool) -> str:
    from zerokd.describe.component import describe_component, format_component_page
    from zerokd.plugin.discovery import discover_plugins

    found = discover_plugins(plugins, strict=True).find_by_name(name)
    return (
        json.dumps(list(map(describe_component, found)), indent=2) + "\n"
        if as_json
        else "\n\n".join(map(format_component_page, found))
    )
