"""``zerokd resume``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.cli.options import is_quiet, plugin_option, reports_phases, yes_option


@click.command("resume")
@click.argument("path", metavar="RUNDIR", type=click.Path(path_type=Path))
@click.option("--device", help="Device to compute on; by default that of the run.")
@yes_option
@plugin_option
@reports_phases
def command(path: Path, device: str | None, plugins: tuple[Path, ...]) -> None:
    """Resume the interrupted run in RUNDIR from its last checkpoint."""
    from zerokd.console import PipeSafeConsole
    from zerokd.pages.report import try_write_report
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.toml.extends import read_recipe_document
    from zerokd.run.launch import resume_run, run_follower
    from zerokd.run.progress import Progress
    from zerokd.training.process_group import is_follower

    if is_follower():
        run_follower(
            read_recipe_document(path / "recipe.toml"), discover_plugins(plugins, strict=True), device or "cpu"
        )
        return
    progress = Progress(PipeSafeConsole(), is_quiet())
    resume_run(path, discover_plugins(plugins, strict=True), device, progress)
    click.echo(try_write_report(path, plugins))
