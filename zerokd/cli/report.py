"""``zerokd report``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.cli.options import plugin_option


@click.command("report")
@click.argument("path", metavar="RUNDIR", type=click.Path(path_type=Path))
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
@plugin_option
def command(path: Path, show: bool, plugins: tuple[Path, ...]) -> None:
    """Write RUNDIR/report.html: a run as one page that needs no network. Every run writes it at its end."""
    from zerokd.pages.report import write_report

    target = write_report(path, plugins)
    click.echo(target)
    if show:
        click.launch(str(target))
