"""``zerokd plugins``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import while_read
from zerokd.cli.complete import plugin_or_component
from zerokd.cli.options import plugin_option


@click.command("plugins")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
@click.option("--requirements", is_flag=True, help="name==version lines that pip install -r takes.")
@click.option(
    "--check",
    "checked",
    metavar="NAME",
    shell_complete=plugin_or_component,
    help="Put a plugin, or one component, through the conformance checks; exit code 2 when one fails.",
)
def command(plugins: tuple[Path, ...], as_json: bool, requirements: bool, checked: str | None) -> None:
    """Show every plugin, what it brings, and what is wrong with it."""
    from zerokd.describe import plugins as overview
    from zerokd.plugin.host import discover

    if checked:
        _check(checked, plugins, as_json)
        return
    catalogue = discover(plugins)
    with while_read(sys.stdout):
        if requirements:
            click.echo("\n".join(overview.requirements(catalogue)))
        else:
            shown = json.dumps(overview.as_json(catalogue), indent=2) if as_json else overview.as_text(catalogue)
            click.echo(shown)


def _check(name: str, plugins: tuple[Path, ...], as_json: bool) -> None:
    from zerokd.plugin.host import discover
    from zerokd.testing import report

    found = list(report.outcomes(name, discover(plugins, strict=True)))
    with while_read(sys.stdout):
        click.echo(json.dumps(report.as_json(found), indent=2) if as_json else report.as_text(found))
    if report.failed(found):
        sys.exit(2)
