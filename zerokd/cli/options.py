"""Options that several commands share."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import click

from zerokd.cli.completion import complete_recipe
from zerokd.files.consent import CONSENT_VARIABLE
from zerokd.phases import report_phases

CommandFunction = Callable[..., Any]
QUIET_KEY = "zerokd.quiet"  # in the context of a command


def _set_torch_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _disable_plugins(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        os.environ["ZEROKD_PLUGINS"] = ""


def plugin_option(command: CommandFunction) -> CommandFunction:
    """Add ``--plugin`` and ``--no-plugins``."""
    command = click.option(
        "--no-plugins",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_disable_plugins,
        help="Load no installed plugin.",
    )(command)
    return click.option(
        "--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="Load a one-file plugin."
    )(command)


STUDENT_HELP = "best, fidelity or teacher; a file or folder that `zerokd run` wrote; or MODEL:FILE."


def student_arguments(default: str) -> Callable[[CommandFunction], CommandFunction]:
    """Add the student as an argument, or as ``--student``; without either it is the ``default``."""

    def decorate(command: CommandFunction) -> CommandFunction:
        @wraps(command)
        def with_student(student: str | None, student_option: str | None, **options: Any) -> Any:
            if student and student_option:
                raise click.UsageError("give STUDENT or --student, not both")
            return command(student=student or student_option or default, **options)

        text = f"{STUDENT_HELP} By default {default}."
        option = click.option("--student", "student_option", metavar="NAME|FILE", help=text)
        return click.argument("student", required=False)(option(with_student))

    return decorate


def require_number(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse NaN, which is in every range of click."""
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"NaN is not a number in the range {parameter.type._describe_range()}.")  # type: ignore[attr-defined]
    return value


CONTROL_OPTIONS = (
    click.option(
        "--exposure",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        callback=require_number,
        help="Brightness to aim at, of the student `best`: 0.54 as trained.",
    ),
    click.option(
        "--denoise",
        type=click.FloatRange(0, 1),
        callback=require_number,
        help="Share of noise removal, of the student `best`: 1 as trained, 0 none.",
    ),
)

recipe_argument = click.argument("path", metavar="RECIPE", shell_complete=complete_recipe)
yes_option = click.option(
    "--yes",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=lambda context, parameter, value: value and os.environ.update({CONSENT_VARIABLE: "yes"}),
    help="Allow downloads of more than 10 MB.",
)
device_option = click.option(
    "--device", default="cpu", show_default=True, help="Device to compute on: cpu, cuda, cuda:1, ..."
)
RECIPE_CHANGES = (
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a value of the recipe, such as params.alpha=0.4.",
    ),
    click.option("--data", metavar="DIR", help="Train on a folder of photos instead of the recipe's data."),
    click.option(
        "--epochs", type=click.IntRange(1), help="Scale all stages to this many epochs in total, at least one each."
    ),
)
RECIPE_OPTIONS = (
    *RECIPE_CHANGES,
    click.option("--seed", type=click.IntRange(0), help="Seed of every random number of the run."),
    yes_option,
)


def recipe_options(command: CommandFunction) -> CommandFunction:
    """Add the keywords of :func:`zerokd.recipe.build.overrides.apply_options_and_validate`."""
    return add_options(RECIPE_OPTIONS, command)


threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 256),
    expose_value=False,
    callback=lambda context, parameter, value: None if value is None else _set_torch_threads(value),
    help="Threads of PyTorch; by default one for each core.",
)
quiet_option = click.option(
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=lambda context, parameter, value: context.meta.update({QUIET_KEY: value}),
    help="Print results, warnings and errors only; no progress.",
)


def is_quiet() -> bool:
    """Whether the running command has ``--quiet``."""
    return bool(click.get_current_context().meta.get(QUIET_KEY))


def add_control_options(command: CommandFunction) -> CommandFunction:
    """Add the keywords of :func:`zerokd.student.controls.apply_controls`."""
    return add_options(CONTROL_OPTIONS, command)


def reports_phases(command: CommandFunction) -> CommandFunction:
    """Print what a command that lasts is doing, to stderr; and add ``--quiet``, which prevents it."""

    @wraps(command)
    def reporting(*arguments: Any, **options: Any) -> Any:
        with nullcontext() if is_quiet() else report_phases("starting"):
            return command(*arguments, **options)

    return quiet_option(reporting)


def add_options(
    options: Sequence[Callable[[CommandFunction], CommandFunction]], command: CommandFunction
) -> CommandFunction:
    """Add options to a command, in this order."""
    for option in reversed(options):
        command = option(command)
    return command
