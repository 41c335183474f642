"""``zerokd resume``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.cli.options import plugin_option


@click.command("resume")
@click.argument("path", metavar="RUNDIR", type=click.Path(path_type=Path))
@click.option("--device", help="Where to compute; by default where the run was.")
@plugin_option
def command(path: Path, device: str | None, plugins: tuple[Path, ...]) -> None:
    """Go on with the run in RUNDIR, which was stopped, killed, or ran out of disk."""
    from zerokd.console import Screen
    from zerokd.pages.report import report_of
    from zerokd.plugin.host import discover
    from zerokd.recipe.toml.extends import read_recipe
    from zerokd.run.launch import follow, go_on
    from zerokd.run.progress import Progress
    from zerokd.training.process_group import follows

    if follows():
        follow(read_recipe(path / "recipe.toml"), discover(plugins, strict=True), device or "cpu")
        return
    progress = Progress(Screen())
    go_on(path, discover(plugins, strict=True), device, progress)
    progress.note(report_of(path, plugins))
