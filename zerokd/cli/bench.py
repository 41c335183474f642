"""``zerokd bench``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import while_read
from zerokd.cli.options import change_options, device_option, plugin_option


@click.command("bench")
@click.argument("path", metavar="RECIPE")
@change_options
@device_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(path: str, device: str, plugins: tuple[Path, ...], as_json: bool, **changes: Any) -> None:
    """Measure a step of each stage of RECIPE here: what it costs, how a run computes it, and what else was tried."""
    from zerokd.describe.step_cost import as_text, bench
    from zerokd.run.launch import planned

    plan = planned(path, plugins, device, **changes)
    with while_read(sys.stdout):
        if as_json:
            stages = [one.as_json() for one in bench(plan)]
            click.echo(json.dumps({"recipe": plan.components.name, "stages": stages}, indent=2))
        else:
            for line in as_text(bench(plan), device, plan.components.threads):
                click.echo(line)
