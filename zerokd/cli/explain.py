"""``zerokd explain``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from zerokd.cli import ignore_broken_pipe
from zerokd.cli.completion import complete_recipe
from zerokd.cli.options import plugin_option, recipe_options
from zerokd.codes import ERROR_CODES, explain_code


@click.command("explain")
@click.argument("subject", metavar="RECIPE|RUN|CODE", shell_complete=complete_recipe)
@recipe_options
@plugin_option
@click.option("--latex", "as_latex", is_flag=True, help="Print only the equations, as LaTeX with amsmath.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(subject: str, plugins: tuple[Path, ...], as_latex: bool, as_json: bool, **changes: Any) -> None:
    """Print the equation of RECIPE: each term's effective coefficient and signals, and what runs when.

    With a run folder: that of its recipe, and the factors that an aggregator gave each term.

    With an error CODE, such as no-gradient: what it means, why zerokd stops, and how to fix it.
    """
    if subject in ERROR_CODES:
        click.echo(explain_code(subject))
        return
    from zerokd.describe.equation_text import describe_equations, equations_to_dict, equations_to_latex
    from zerokd.describe.factors import open_recipe_or_run
    from zerokd.run.launch import prepare_recipe

    recipe, factors = open_recipe_or_run(subject)
    plan = prepare_recipe(recipe, plugins, **changes)
    with ignore_broken_pipe(sys.stdout):
        if as_json:
            click.echo(json.dumps(equations_to_dict(plan, factors), indent=2))
        else:
            click.echo(equations_to_latex(plan) if as_latex else describe_equations(plan, factors))
