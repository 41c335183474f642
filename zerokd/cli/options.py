"""Options that several commands have."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

CommandFunction = Callable[..., Any]


def _disable_plugins(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        os.environ["ZEROKD_PLUGINS"] = ""


def plugin_option(command: CommandFunction) -> CommandFunction:
    """Which plugins are loaded."""
    command = click.option(
        "--no-plugins",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_disable_plugins,
        help="Leave out all installed plugins.",
    )(command)
    return click.option(
        "--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="A one-file plugin to load."
    )(command)


device_option = click.option(
    "--device", default="cpu", show_default=True, help="Where to compute: cpu, cuda, cuda:1, ..."
)
RECIPE_OPTIONS = (
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one value: params.alpha=0.4"),
    click.option("--data", metavar="DIR", help="Train on a folder of photos instead of the recipe's data."),
    click.option(
        "--epochs", type=click.IntRange(1), help="Scale all stages to this many epochs in total, at least one each."
    ),
    click.option("--seed", type=click.IntRange(0), help="Decides every random number of the run."),
)


def recipe_options(command: CommandFunction) -> CommandFunction:
    """What changes a recipe: the keywords of :func:`zerokd.recipe.build.overrides.apply_options_and_validate`."""
    return add_options(RECIPE_OPTIONS, command)


def add_options(
    options: Sequence[Callable[[CommandFunction], CommandFunction]], command: CommandFunction
) -> CommandFunction:
    """A command with these options, shown in this order."""
    for option in reversed(options):
        command = option(command)
    return command
