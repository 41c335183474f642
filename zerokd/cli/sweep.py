"""``zerokd sweep``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import device_option, is_quiet, plugin_option, recipe_argument, recipe_options, reports_phases


@click.command("sweep")
@recipe_argument
@click.option("--grid", multiple=True, metavar="KEY=V1,V2", help="Values to try; several options make a grid.")
@click.option(
    "--range", "ranges", multiple=True, metavar="KEY=A:B", help="Range to draw from; A:B:log draws magnitudes."
)
@click.option("--random", "random", type=click.IntRange(1), help="Number of points to draw at random.")
@click.option(
    "--tpe", type=click.IntRange(1), help="Number of points that Optuna's TPE sampler chooses one after another."
)
@click.option(
    "--goal", "goals", multiple=True, metavar="NAME", help="fidelity, or a metric of the recipe; by default all."
)
@click.option("--prune", metavar="TERM", help="Prune trials whose TERM (group.name) is worse than the median.")
@click.option("--out", type=click.Path(path_type=Path), help="Sweep folder; by default runs/<name>-sweep.")
@click.option("--storage", metavar="URL", help="Database that several hosts share; by default a file in --out.")
@click.option("--status", "only_status", is_flag=True, help="Print the results so far; run nothing.")
@recipe_options
@device_option
@plugin_option
@reports_phases
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
    """Run RECIPE at many points of its params, or of any other key, and find the best.

    Run the same command again, here or on another host, to add a worker or to resume an interrupted sweep.
    """
    from zerokd.errors import Problem, RecipeError
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.build.overrides import apply_options
    from zerokd.recipe.toml.extends import read_recipe_document

    try:
        from zerokd.sweep import results, sweep
    except ModuleNotFoundError as error:
        hint = "pip install 'zerokd[sweep]'"
        raise RecipeError(Problem(f"sweeps need a missing package: {error.name}", hints=(hint,))) from error

    document = apply_options(read_recipe_document(path), **changes)
    name = str(document.tables.get("name", "unnamed"))
    folder = out or Path("runs") / f"{name}-sweep"
    if only_status:
        sweep_results = sweep.load_results(folder, name, storage)
    else:
        options = sweep.SweepOptions(grid, ranges, random, tpe, goals, prune)
        catalogue = discover_plugins(plugins, strict=True)
        report = (lambda text: None) if is_quiet() else click.echo
        sweep_results = sweep.run_sweep(document, catalogue, options, folder, storage, device, report)
    with ignore_broken_pipe(sys.stdout):
        click.echo(results.format_results_table(sweep_results))
    if sweep_results.has_failed_points:
        sys.exit(1)
