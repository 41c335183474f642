"""``zerokd run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zerokd.cli.options import change_options, device_option, plugin_option


@click.command("run")
@click.argument("path", metavar="RECIPE")
@change_options
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
    from zerokd.console import Screen
    from zerokd.errors import Place
    from zerokd.pages.report import report_of
    from zerokd.plugin.host import discover
    from zerokd.recipe.build.overrides import put, with_options
    from zerokd.recipe.toml.extends import read_recipe
    from zerokd.run.launch import dry_run, follow, start
    from zerokd.run.progress import Progress
    from zerokd.training.process_group import follows

    document, catalogue = with_options(read_recipe(path), **changes), discover(plugins, strict=True)
    if compiling:
        document = put(document, ("speed", "compile"), "try", Place("--compile"))
    if follows():
        follow(document, catalogue, device)
        return
    progress = Progress(Screen())
    if dry:
        dry_run(document, catalogue, device, progress)
    else:
        folder = start(document, catalogue, device, out, resume, progress)
        progress.note(report_of(folder, plugins))
