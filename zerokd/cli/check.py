"""``zerokd check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import while_read
from zerokd.cli.options import change_options, device_option, plugin_option


@click.command("check")
@click.argument("path", metavar="RECIPE")
@change_options
@device_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(path: str, device: str, plugins: tuple[Path, ...], as_json: bool, **changes: Any) -> None:
    """Prove that every term of RECIPE trains the student, and show by how much. Nothing is trained or written."""
    from zerokd.describe.evidence_text import as_data, as_text
    from zerokd.run.launch import planned

    plan = planned(path, plugins, device, **changes)
    with while_read(sys.stdout):
        told = json.dumps(as_data(plan), indent=2) if as_json else as_text(plan)
        click.echo(told)
