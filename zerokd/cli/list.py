"""``zerokd list``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import plugin_option
from zerokd.plugin.kinds import KINDS
from zerokd.text import wrap_text

RECIPES, STUDENTS = "recipes", "students"

if TYPE_CHECKING:
    from zerokd.plugin.catalogue import Catalogue


@click.command("list")
@click.argument("kind", required=False, type=click.Choice([*KINDS, RECIPES, STUDENTS]))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--requirements", is_flag=True, help="Print the packages that provide them as name==version, for pip.")
@plugin_option
def command(kind: str | None, as_json: bool, requirements: bool, plugins: tuple[Path, ...]) -> None:
    """List the components that recipes may use, and every broken plugin; or the recipes or students in the package."""
    if kind in (RECIPES, STUDENTS):
        (_list_recipes if kind == RECIPES else _list_students)(as_json)
        return
    from zerokd.describe.plugins import format_pip_requirements
    from zerokd.plugin.discovery import discover_plugins

    catalogue = discover_plugins(plugins)
    kinds = [kind] if kind else list(KINDS)
    with ignore_broken_pipe(sys.stdout):
        if requirements:
            click.echo("\n".join(format_pip_requirements(catalogue)))
        elif as_json:
            click.echo(json.dumps(catalogue.as_json(kinds), indent=2))
        else:
            _print_components(catalogue, kinds)


def _list_recipes(as_json: bool) -> None:
    from zerokd.describe.shipped_recipe import describe_shipped_recipes, format_recipe_list

    recipes = describe_shipped_recipes()
    with ignore_broken_pipe(sys.stdout):
        if as_json:
            click.echo(json.dumps({RECIPES: [recipe.as_json() for recipe in recipes]}, indent=2))
        else:
            click.echo(format_recipe_list(recipes))
            click.echo("\nRun one: `zerokd run NAME`. Copy one: `zerokd new recipe mine --from NAME`.")


def _list_students(as_json: bool) -> None:
    from zerokd.describe.bundled_students import describe_bundled_students, format_student_list

    students = describe_bundled_students()
    with ignore_broken_pipe(sys.stdout):
        if as_json:
            click.echo(json.dumps({STUDENTS: students}, indent=2))
        else:
            click.echo(format_student_list(students))
            click.echo("\nUse one with `zerokd enhance PHOTOS -o OUT --student NAME`.")


def _print_components(catalogue: Catalogue, kinds: list[str]) -> None:
    for kind in kinds:
        entries = catalogue.for_kind(kind)
        width = max((len(entry.spec.name) for entry in entries), default=0)
        click.secho(f"{kind} ({len(entries)})", bold=True)
        for entry in entries:
            origin = "" if entry.provider.builtin else f"  [{entry.provider}]"
            name = f"  {entry.spec.name:<{width}}  "
            click.echo("\n".join(wrap_text(f"{entry.spec.summary}{origin}", " " * len(name), name)))
    for plugin in catalogue.broken_plugins:
        click.secho(f"broken: {plugin.provider}: {plugin.reason}", fg="red")
