"""``zerokd explain``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import while_read
from zerokd.cli.options import change_options, plugin_option
from zerokd.codes import CODES, told


@click.command("explain")
@click.argument("subject", metavar="RECIPE|CODE")
@change_options
@plugin_option
@click.option("--latex", "as_latex", is_flag=True, help="The equations alone, as LaTeX.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(subject: str, plugins: tuple[Path, ...], as_latex: bool, as_json: bool, **changes: Any) -> None:
    """Account for RECIPE's equation: each term's effective coefficient, its signals, and what runs when.

    With the CODE of a message, as in [no-gradient]: what it means, what would come of going on, and what to do.
    """
    if subject in CODES:
        click.echo(told(subject))
        return
    from zerokd.describe.equation_text import account_data, account_latex, account_text
    from zerokd.run.launch import planned

    plan = planned(subject, plugins, **changes)
    with while_read(sys.stdout):
        if as_json:
            click.echo(json.dumps(account_data(plan), indent=2))
        else:
            click.echo(account_latex(plan) if as_latex else account_text(plan))
