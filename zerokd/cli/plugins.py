"""``zerokd plugins``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.completion import complete_plugin_or_component
from zerokd.cli.options import is_quiet, plugin_option, reports_phases


@click.command("plugins")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--requirements", is_flag=True, help="Print name==version lines for pip install -r.")
@click.option(
    "--check",
    "plugin_to_check",
    metavar="NAME",
    shell_complete=complete_plugin_or_component,
    help="Run the conformance checks of a plugin or a component; exit with code 2 if one fails.",
)
@reports_phases
def command(plugins: tuple[Path, ...], as_json: bool, requirements: bool, plugin_to_check: str | None) -> None:
    """List all plugins, their components, and their errors."""
    from zerokd.describe.plugins import describe_plugins, format_pip_requirements, plugins_as_json
    from zerokd.plugin.discovery import discover_plugins

    if plugin_to_check:
        _run_conformance_checks(plugin_to_check, plugins, as_json)
        return
    catalogue = discover_plugins(plugins)
    with ignore_broken_pipe(sys.stdout):
        if requirements:
            click.echo("\n".join(format_pip_requirements(catalogue)))
        else:
            click.echo(json.dumps(plugins_as_json(catalogue), indent=2) if as_json else describe_plugins(catalogue))


def _run_conformance_checks(name: str, plugins: tuple[Path, ...], as_json: bool) -> None:
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.testing.outcomes import check_outcomes_as_json, describe_check_outcomes, has_failed_checks, run_checks

    outcomes = list(run_checks(name, discover_plugins(plugins, strict=True)))
    with ignore_broken_pipe(sys.stdout):
        if as_json:
            click.echo(json.dumps(check_outcomes_as_json(outcomes), indent=2))
        else:
            click.echo(describe_check_outcomes(outcomes, failures_only=is_quiet()))
    if has_failed_checks(outcomes):
        sys.exit(2)
