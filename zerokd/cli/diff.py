"""``zerokd diff``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe


@click.command("diff")
@click.argument("one", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("other", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write a page too, with pictures side by side.")
def command(one: Path, other: Path, out: Path | None) -> None:
    """Say what differs between two runs: equation, recipe, environment, results."""
    from zerokd.pages.diff import compare_runs, describe_difference, write_diff_page
    from zerokd.pages.run_record import read_run

    found = write_diff_page(one, other, out) if out else compare_runs(read_run(one), read_run(other))
    with ignore_broken_pipe(sys.stdout):
        click.echo(describe_difference(found))
