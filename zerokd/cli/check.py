"""``zerokd check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import device_option, plugin_option, recipe_argument, recipe_options, reports_phases


@click.command("check")
@recipe_argument
@recipe_options
@device_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@reports_phases
def command(path: str, device: str, plugins: tuple[Path, ...], as_json: bool, **changes: Any) -> None:
    """Verify that every term of RECIPE trains the student, and print the evidence. Trains and writes nothing."""
    from zerokd.describe.evidence_text import describe_evidence, evidence_to_dict
    from zerokd.run.launch import prepare_recipe

    plan = prepare_recipe(path, plugins, device, **changes)
    with ignore_broken_pipe(sys.stdout):
        click.echo(json.dumps(evidence_to_dict(plan), indent=2) if as_json else describe_evidence(plan))
