"""``zerokd show``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import while_read
from zerokd.cli.complete import component_or_recipe
from zerokd.cli.options import change_options, plugin_option


@click.command("show")
@click.argument("subject", metavar="NAME|RECIPE", shell_complete=component_or_recipe)
@click.option("--resolved", is_flag=True, help="A recipe as a run uses it, each value with its origin.")
@click.option("--json", "as_json", is_flag=True, help="A component as JSON, for programs.")
@change_options
@plugin_option
def command(subject: str, resolved: bool, as_json: bool, plugins: tuple[Path, ...], **changes: Any) -> None:
    """Show a component by NAME or distribution:name, or with --resolved a RECIPE."""
    if resolved and as_json:
        raise click.UsageError("--json shows a component; a resolved recipe is TOML")
    if not resolved and any(value not in (None, ()) for value in changes.values()):
        raise click.UsageError("--set, --data, --epochs and --seed change a recipe; add --resolved to see it")
    text = _recipe(subject, plugins, changes) if resolved else _components(subject, plugins, as_json)
    with while_read(sys.stdout):
        click.echo(text, nl=False)


def _recipe(path: str, plugins: tuple[Path, ...], changes: dict[str, Any]) -> str:
    from zerokd.describe import resolved_recipe
    from zerokd.plugin.host import discover
    from zerokd.recipe.build.overrides import changed
    from zerokd.recipe.toml.extends import read_recipe

    document, recipe = changed(read_recipe(path), **changes)
    return resolved_recipe.annotated(
        resolved_recipe.resolved(recipe, document, discover(plugins, strict=True)), document
    )


def _components(name: str, plugins: tuple[Path, ...], as_json: bool) -> str:
    from zerokd.describe.component import facts, page
    from zerokd.plugin.host import discover

    found = discover(plugins, strict=True).called(name)
    return json.dumps(list(map(facts, found)), indent=2) + "\n" if as_json else "\n\n".join(map(page, found))
