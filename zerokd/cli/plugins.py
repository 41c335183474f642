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
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Check N components at a time, each in a process; 1 by default."
)
@reports_phases
def command(
    plugins: tuple[Path, ...], as_json: bool, requirements: bool, plugin_to_check: str | None, jobs: int | None
) -> None:
    """List all plugins, their components, and their errors."""
    from zerokd.describe.plugins import describe_plugins, format_pip_requirements, plugins_as_json
    from zerokd.plugin.discovery import discover_plugins

    if plugin_to_check:
        _run_conformance_checks(plugin_to_check, plugins, as_json, jobs or 1)
        return
    if jobs is not None:
        raise click.UsageError("--jobs applies to --check: zerokd plugins --check NAME --jobs N")
    catalogue = discover_plugins(plugins)
    with ignore_broken_pipe(sys.stdout):
        if requirements:
            click.echo("\n".join(format_pip_requirements(catalogue)))
        else:
            click.echo(json.dumps(plugins_as_json(catalogue), indent=2) if as_json else describe_plugins(catalogue))


def _run_conformance_checks(name: str, plugins: tuple[Path, ...], as_json: bool, job_count: int) -> None:
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.testing import outcomes as kit

    if job_count == 1:
        outcomes = list(kit.run_checks(name, discover_plugins(plugins, strict=True)))
    else:
        from zerokd.testing.processes import run_checks_in_processes

        outcomes = list(run_checks_in_processes(name, plugins, job_count))
    with ignore_broken_pipe(sys.stdout):
        if as_json:
            click.echo(json.dumps(kit.check_outcomes_as_json(outcomes), indent=2))
        else:
            click.echo(kit.describe_check_outcomes(outcomes, failures_only=is_quiet()))
    if kit.has_failed_checks(outcomes):
        sys.exit(2)
