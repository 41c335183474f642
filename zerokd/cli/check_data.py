"""``zerokd check-data``."""

from __future__ import annotations

import json
import sys

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import reports_phases


@click.command("check-data")
@click.argument("path", metavar="DIR")
@click.option("--size", type=click.IntRange(16, 4096), default=128, show_default=True, help="data.size of the recipe.")
@click.option(
    "--fit", type=click.Choice(["crop", "resize"]), default="crop", show_default=True, help="data.fit of the recipe."
)
@click.option("--strict", is_flag=True, help="Exit with code 3 if a file cannot be used.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@reports_phases
def command(path: str, size: int, fit: str, strict: bool, as_json: bool) -> None:
    """Inspect the photos in DIR: files that a run cannot use and why, duplicates, and brightness."""
    from zerokd.describe.photo_folder import describe_folder, survey_folder

    statistics = survey_folder(path, size, fit)
    with ignore_broken_pipe(sys.stdout):
        click.echo(json.dumps(statistics.as_json(), indent=2) if as_json else describe_folder(statistics))
    if strict and statistics.image_statistics.rejected:
        sys.exit(3)
