"""``zerokd doctor``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
def command(as_json: bool) -> None:
    """Look for what would keep zerokd from running here, and say how to mend it.

    Exit code 5 when no run can work; warnings are for what only some runs need.
    """
    from zerokd.describe import doctor
    from zerokd.files.cache import cache_folder
    from zerokd.plugin.discovery import discover_plugins

    findings = doctor.check_machine(discover_plugins(), Path.cwd(), cache_folder())
    with ignore_broken_pipe(sys.stdout):
        click.echo(
            json.dumps(doctor.checks_to_json(findings), indent=2) if as_json else doctor.describe_checks(findings)
        )
    if doctor.has_failures(findings):
        sys.exit(5)
