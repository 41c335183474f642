"""``zerokd check-data``."""

from __future__ import annotations

import json
import sys

import click

from zerokd.cli import ignore_broken_pipe


@click.command("check-data")
@click.argument("path", metavar="DIR")
@click.option("--size", type=click.IntRange(16, 4096), default=128, show_default=True, help="As data.size of a recipe.")
@click.option("--fit", type=click.Choice(["crop", "resize"]), default="crop", show_default=True, help="As data.fit.")
@click.option("--strict", is_flag=True, help="End with exit code 3 when any file cannot be used.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(path: str, size: int, fit: str, strict: bool, as_json: bool) -> None:
    """Look at the photos in DIR as a run would: what cannot be used and why, duplicates, and how dark they are."""
    from zerokd.describe.photo_folder import describe_folder, survey_folder

    account = survey_folder(path, size, fit)
    with ignore_broken_pipe(sys.stdout):
        click.echo(json.dumps(account.as_json(), indent=2) if as_json else describe_folder(account))
    if strict and account.image_statistics.rejected:
        sys.exit(3)
