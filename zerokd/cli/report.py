"""``zerokd report``."""

from __future__ import annotations

from pathlib import Path

import click

from zerokd.cli.options import plugin_option


@click.command("report")
@click.argument("path", metavar="RUNDIR", type=click.Path(path_type=Path))
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--figures",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Also write each chart into DIR as SVG, and as PDF with zerokd[figures].",
)
@plugin_option
def command(path: Path, open_page: bool, figures: Path | None, plugins: tuple[Path, ...]) -> None:
    """Write RUNDIR/report.html, the self-contained report of a run. Every run also writes it when it ends."""
    from zerokd.pages.figures import write_figures
    from zerokd.pages.report import write_report

    target = write_report(path, plugins)
    click.echo(target)
    if figures is not None:
        click.echo(write_figures(path, figures, plugins).describe(figures))
    if open_page:
        click.launch(str(target))
