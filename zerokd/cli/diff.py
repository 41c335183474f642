"""``zerokd diff``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe


@click.command("diff")
@click.argument("run_a", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("run_b", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Also write a page, with samples side by side.")
def command(run_a: Path, run_b: Path, out: Path | None) -> None:
    """Compare the equations, recipes, environments and results of two runs."""
    from zerokd.pages.diff import compare_runs, describe_difference, write_diff_page
    from zerokd.pages.run_record import read_run

    difference = write_diff_page(run_a, run_b, out) if out else compare_runs(read_run(run_a), read_run(run_b))
    with ignore_broken_pipe(sys.stdout):
        click.echo(describe_difference(difference))
