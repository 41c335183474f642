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
@click.option("--resolved", is_flag=True, help="Print a recipe as a run uses it, with the origin of each value.")
@click.option("--json", "as_json", is_flag=True, help="Print a component as JSON.")
@recipe_options
@plugin_option
def command(subject: str, resolved: bool, as_json: bool, plugins: tuple[Path, ...], **changes: Any) -> None:
    """Show the component NAME or distribution:NAME; with --resolved, show a RECIPE."""
    if resolved and as_json:
        raise click.UsageError("--json applies to components; a resolved recipe is TOML")
    if not resolved and any(value not in (None, ()) for value in changes.values()):
        raise click.UsageError("--set, --data, --epochs and --seed need --resolved")
    if resolved:
        text = _format_resolved_recipe(subject, plugins, changes)
    else:
        text = _format_components(subject, plugins, as_json)
    with ignore_broken_pipe(sys.stdout):
        click.echo(text, nl=False)


def _format_resolved_recipe(path: str, plugins: tuple[Path, ...], changes: dict[str, Any]) -> str:
    from zerokd.describe.resolved_recipe import fill_defaults, format_annotated_toml
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.build.overrides import apply_options_and_validate
    from zerokd.recipe.toml.extends import read_recipe_document

    document, recipe = apply_options_and_validate(read_recipe_document(path), **changes)
    tables = fill_defaults(recipe, document, discover_plugins(plugins, strict=True))
    return format_annotated_toml(tables, document)


def _format_components(name: str, plugins: tuple[Path, ...], as_json: bool) -> str:
    from zerokd.describe.component import describe_component, format_component_page
    from zerokd.plugin.discovery import discover_plugins

    entries = discover_plugins(plugins, strict=True).find_by_name(name)
    if as_json:
        return json.dumps(list(map(describe_component, entries)), indent=2) + "\n"
    return "\n\n".join(map(format_component_page, entries))
