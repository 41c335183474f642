"""``zerokd explain``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.options import plugin_option, recipe_options
from zerokd.codes import ERROR_CODES, explain_code


@click.command("explain")
@click.argument("subject", metavar="RECIPE|CODE")
@recipe_options
@plugin_option
@click.option("--latex", "as_latex", is_flag=True, help="The equations alone, as LaTeX.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(subject: str, plugins: tuple[Path, ...], as_latex: bool, as_json: bool, **changes: Any) -> None:
    """Account for RECIPE's equation: each term's effective coefficient, its signals, and what runs when.

    With the CODE of a message, as in [no-gradient]: what it means, what would come of going on, and what to do.
    """
    if subject in ERROR_CODES:
        click.echo(explain_code(subject))
        return
    from zerokd.describe.equation_text import describe_equations, equations_to_dict, equations_to_latex
    from zerokd.run.launch import prepare_recipe

    plan = prepare_recipe(subject, plugins, **changes)
    with ignore_broken_pipe(sys.stdout):
        if as_json:
            click.echo(json.dumps(equations_to_dict(plan), indent=2))
        else:
            click.echo(equations_to_latex(plan) if as_latex else describe_equations(plan))
