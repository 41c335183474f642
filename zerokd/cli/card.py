"""``zerokd card``."""

from __future__ import annotations

import re
from pathlib import Path

import click

LICENCE_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.+-]*", re.IGNORECASE)


def _check_licence(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not LICENCE_IDENTIFIER.fullmatch(value):
        raise click.BadParameter("write an identifier, such as apache-2.0, mit, cc-by-4.0 or other")
    return value.lower()


@click.command("card")
@click.argument("path", metavar="RUNDIR", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output file; by default RUNDIR/README.md.")
@click.option(
    "--evaluation",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Results of the student, which `zerokd evaluate --json FILE` wrote.",
)
@click.option(
    "--license",
    "licence",
    metavar="ID",
    default="unknown",
    show_default=True,
    callback=_check_licence,
    help="Licence of the weights, such as apache-2.0.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that zerokd did not write.")
def command(path: Path, out: Path | None, evaluation: Path | None, licence: str, overwrite: bool) -> None:
    """Write the model card of a finished run: a README.md with the metadata that the Hugging Face Hub reads.

    It has the recipe, the data, the results beside methods that need no training, limits, licence and SHA-256.
    """
    from zerokd.pages.model_card import write_model_card

    click.echo(write_model_card(path, evaluation, licence, out, overwrite))
