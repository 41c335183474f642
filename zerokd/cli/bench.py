"""``zerokd bench``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import device_option, plugin_option, recipe_argument, recipe_options, reports_phases


@click.command("bench")
@recipe_argument
@recipe_options
@device_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@reports_phases
def command(path: str, device: str, plugins: tuple[Path, ...], as_json: bool, **changes: Any) -> None:
    """Measure a training step of each stage of RECIPE: its time and memory, how a run computes it, and alternatives."""
    from zerokd.describe.step_cost import describe_step_costs, measure_step_costs
    from zerokd.run.launch import prepare_recipe

    plan = prepare_recipe(path, plugins, device, **changes)
    with ignore_broken_pipe(sys.stdout):
        if as_json:
            stages = [cost.as_json() for cost in measure_step_costs(plan)]
            click.echo(json.dumps({"recipe": plan.components.name, "stages": stages}, indent=2))
        else:
            for line in describe_step_costs(measure_step_costs(plan), device, plan.components.threads):
                click.echo(line)
