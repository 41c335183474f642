"""``zerokd run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zerokd.cli.options import device_option, is_quiet, plugin_option, recipe_argument, recipe_options, reports_phases


@click.command("run")
@recipe_argument
@recipe_options
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; by default runs/<name>-<time>.")
@plugin_option
@click.option("--observe", multiple=True, metavar="NAME", help="Attach a read-only observer.")
@click.option("--resume", is_flag=True, help="Resume the run in --out, or the newest unfinished run of this recipe.")
@click.option("--compile", "compiling", is_flag=True, help="Compile each stage first, if possible.")
@click.option("--dry-run", "dry", is_flag=True, help="Verify everything, then stop before the first step.")
@reports_phases
def command(
    path: str,
    device: str,
    out: Path | None,
    plugins: tuple[Path, ...],
    resume: bool,
    compiling: bool,
    dry: bool,
    **changes: Any,
) -> None:
    """Train a student from RECIPE into a run folder with its weights, log, samples and report."""
    from zerokd.console import PipeSafeConsole
    from zerokd.errors import Place
    from zerokd.pages.report import try_write_report
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.build.overrides import apply_options, set_value
    from zerokd.recipe.toml.extends import read_recipe_document
    from zerokd.run.launch import dry_run, run_follower, run_recipe
    from zerokd.run.progress import Progress
    from zerokd.training.process_group import is_follower

    document, catalogue = apply_options(read_recipe_document(path), **changes), discover_plugins(plugins, strict=True)
    if compiling:
        document = set_value(document, ("speed", "compile"), "try", Place("--compile"))
    if is_follower():
        run_follower(document, catalogue, device)
        return
    progress = Progress(PipeSafeConsole(), is_quiet())
    if dry:
        dry_run(document, catalogue, device, progress)
    else:
        folder = run_recipe(document, catalogue, device, out, resume, progress)
        click.echo(try_write_report(folder, plugins))
