"""``zerokd diff``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zerokd.cli import while_read


@click.command("diff")
@click.argument("one", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("other", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write a page too, with pictures side by side.")
def command(one: Path, other: Path, out: Path | None) -> None:
    """Say what differs between two runs: equation, recipe, environment, results."""
    from zerokd.pages.diff import as_text, difference, write_page
    from zerokd.pages.run_facts import read_run

    found = write_page(one, other, out) if out else difference(read_run(one), read_run(other))
    with while_read(sys.stdout):
        click.echo(as_text(found))
