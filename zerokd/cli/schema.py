"""``zerokd schema``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import plugin_option


@click.command("schema")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file instead of the terminal.")
@plugin_option
def command(out: Path | None, plugins: tuple[Path, ...]) -> None:
    """Write the JSON Schema of recipes with all available components.

    Editors find it by the first line of a recipe: #:schema recipe.schema.json
    """
    from zerokd.files.atomic import write_text
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.schema.json_schema import build_recipe_json_schema

    schema, skipped = build_recipe_json_schema(discover_plugins(plugins, strict=True))
    text = json.dumps(schema, indent=1) + "\n"
    for line in skipped:
        click.echo(line, err=True)
    if out is None:
        with ignore_broken_pipe(sys.stdout):
            click.echo(text, nl=False)
        return
    write_text(out, text)
