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
    from zerokd.plugin.host import discover
    from zerokd.recipe.extends import read_recipe
    from zerokd.recipe.overrides import with_options
    from zerokd.run.bench import as_text, bench
    from zerokd.run.check import checked
    from zerokd.run.device import choose_device
    from zerokd.run.session import prepare

    _, components = checked(with_options(read_recipe(path), **changes), discover(plugins, strict=True))
    plan = prepare(components, choose_device(device))
    with while_read(sys.stdout):
        if as_json:
            stages = [one.as_json() for one in bench(plan)]
            click.echo(json.dumps({"recipe": components.name, "stages": stages}, indent=2))
        else:
            for line in as_text(bench(plan), device, components.threads):
                click.echo(line)
