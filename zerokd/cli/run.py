"""``zerokd run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zerokd.cli.options import device_option, plugin_option, recipe_options


@click.command("run")
@click.argument("path", metavar="RECIPE")
@recipe_options
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; by default runs/<name>-<time>.")
@plugin_option
@click.option("--observe", multiple=True, metavar="NAME", help="Tell this observer of the run; it cannot change it.")
@click.option("--resume", is_flag=True, help="Go on with this recipe's run in --out, or its newest unfinished one.")
@click.option("--compile", "compiling", is_flag=True, help="Make machine code of each stage first, where that works.")
@click.option("--dry-run", "dry", is_flag=True, help="Check everything and stop before the first step.")
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
    """Train a student as RECIPE says and leave a run folder that explains itself."""
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
    progress = Progress(PipeSafeConsole())
    if dry:
        dry_run(document, catalogue, device, progress)
    else:
        folder = run_recipe(document, catalogue, device, out, resume, progress)
        progress.report(try_write_report(folder, plugins))
