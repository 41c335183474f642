"""``zerokd schema``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import plugin_option


@click.command("schema")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file to write, instead of the screen.")
@plugin_option
def command(out: Path | None, plugins: tuple[Path, ...]) -> None:
    """Write the JSON Schema of recipes with all components in reach; an editor finds it by a recipe's first line,
    #:schema recipe.schema.json."""
    from zerokd.errors import Problem, RunFolderError
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.schema.json_schema import build_recipe_json_schema

    found, left_out = build_recipe_json_schema(discover_plugins(plugins, strict=True))
    text = json.dumps(found, indent=1) + "\n"
    for line in left_out:
        click.echo(line, err=True)
    if out is None:
        with ignore_broken_pipe(sys.stdout):
            click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFolderError(Problem(f"cannot write {str(out)!r}: {error.strerror}")) from error
