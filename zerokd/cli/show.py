"""``zerokd show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import while_read
from zerokd.cli.options import change_options, plugin_option


@click.command("show")
@click.argument("path", metavar="RECIPE")
@click.option("--resolved", is_flag=True, required=True, help="The recipe as a run uses it, with every default in it.")
@change_options
@plugin_option
def command(path: str, resolved: bool, plugins: tuple[Path, ...], **changes: Any) -> None:
    """Show RECIPE as a run uses it, each value with its origin."""
    from zerokd.plugin.host import discover
    from zerokd.recipe import origins
    from zerokd.recipe.extends import read_recipe
    from zerokd.recipe.overrides import changed

    document, recipe = changed(read_recipe(path), **changes)
    tables = origins.resolved(recipe, document, discover(plugins, strict=True))
    with while_read(sys.stdout):
        click.echo(origins.annotated(tables, document), nl=False)
