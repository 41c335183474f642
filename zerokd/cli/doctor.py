"""``zerokd doctor``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(as_json: bool) -> None:
    """Check whether zerokd can run on this machine, and print how to fix what is missing.

    Exits with code 5 if no run can work. Warnings concern features that only some runs need.
    """
    from zerokd.describe.doctor import check_machine, checks_to_json, describe_checks, has_failures
    from zerokd.files.cache import cache_folder
    from zerokd.plugin.discovery import discover_plugins

    checks = check_machine(discover_plugins(), Path.cwd(), cache_folder())
    with ignore_broken_pipe(sys.stdout):
        click.echo(json.dumps(checks_to_json(checks), indent=2) if as_json else describe_checks(checks))
    if has_failures(checks):
        sys.exit(5)
