"""``zerokd sweep``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import device_option, plugin_option, recipe_options


@click.command("sweep")
@click.argument("path", metavar="RECIPE")
@click.option("--grid", multiple=True, metavar="KEY=V1,V2", help="Try each of these values; several make a grid.")
@click.option("--range", "ranges", multiple=True, metavar="KEY=A:B", help="Draw from a range; A:B:log for magnitudes.")
@click.option("--random", "random", type=click.IntRange(1), help="As many points, drawn at random.")
@click.option("--tpe", type=click.IntRange(1), help="As many points, each chosen after the ones before it.")
@click.option(
    "--goal", "goals", multiple=True, metavar="NAME", help="fidelity or a metric of the recipe; by default all."
)
@click.option("--prune", metavar="TERM", help="Give up points whose TERM, as group.name, is worse than the median.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the sweep; by default runs/<name>-sweep.")
@click.option("--storage", metavar="URL", help="A database that several hosts share; by default a file in --out.")
@click.option("--status", "only_status", is_flag=True, help="Show the points as they stand; run nothing.")
@recipe_options
@device_option
@plugin_option
def command(
    path: str,
    grid: tuple[str, ...],
    ranges: tuple[str, ...],
    random: int | None,
    tpe: int | None,
    goals: tuple[str, ...],
    prune: str | None,
    out: Path | None,
    storage: str | None,
    only_status: bool,
    device: str,
    plugins: tuple[Path, ...],
    **changes: Any,
) -> None:
    """Run RECIPE at many points of its params, or of any key, and say which are best.

    The same command again, here or on another host, is a second worker; killed or stopped, it goes on.
    """
    from zerokd.errors import Problem, RecipeError
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.build.overrides import apply_options
    from zerokd.recipe.toml.extends import read_recipe_document

    try:
        from zerokd.sweep import results, sweep
    except ModuleNotFoundError as error:
        hint = "pip install 'zerokd[sweep]'"
        raise RecipeError(Problem(f"a sweep needs a package that is missing: {error.name}", hints=(hint,))) from error

    document = apply_options(read_recipe_document(path), **changes)
    name = str(document.tables.get("name", "unnamed"))
    folder = out or Path("runs") / f"{name}-sweep"
    if only_status:
        found = sweep.load_results(folder, name, storage)
    else:
        asked = sweep.SweepOptions(grid, ranges, random, tpe, goals, prune)
        found = sweep.run_sweep(
            document, discover_plugins(plugins, strict=True), asked, folder, storage, device, click.echo
        )
    with ignore_broken_pipe(sys.stdout):
        click.echo(results.format_results_table(found))
