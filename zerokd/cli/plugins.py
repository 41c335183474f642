"""``zerokd plugins``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.completion import complete_plugin_or_component
from zerokd.cli.options import plugin_option


@click.command("plugins")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
@click.option("--requirements", is_flag=True, help="name==version lines that pip install -r takes.")
@click.option(
    "--check",
    "checked",
    metavar="NAME",
    shell_complete=complete_plugin_or_component,
    help="Put a plugin, or one component, through the conformance checks; exit code 2 when one fails.",
)
def command(plugins: tuple[Path, ...], as_json: bool, requirements: bool, checked: str | None) -> None:
    """Show every plugin, what it brings, and what is wrong with it."""
    from zerokd.describe import plugins as overview
    from zerokd.plugin.discovery import discover_plugins

    if checked:
        _run_conformance_checks(checked, plugins, as_json)
        return
    catalogue = discover_plugins(plugins)
    with ignore_broken_pipe(sys.stdout):
        if requirements:
            click.echo("\n".join(overview.format_pip_requirements(catalogue)))
        else:
            shown = (
                json.dumps(overview.plugins_as_json(catalogue), indent=2)
                if as_json
                else overview.describe_plugins(catalogue)
            )
            click.echo(shown)


def _run_conformance_checks(name: str, plugins: tuple[Path, ...], as_json: bool) -> None:
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.testing import outcomes

    found = list(outcomes.run_checks(name, discover_plugins(plugins, strict=True)))
    with ignore_broken_pipe(sys.stdout):
        click.echo(
            json.dumps(outcomes.check_outcomes_as_json(found), indent=2)
            if as_json
            else outcomes.describe_check_outcomes(found)
        )
    if outcomes.has_failed_checks(found):
        sys.exit(2)
