"""The command line: one file per command, imported when it is called, so that help never waits for torch."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TextIO

import click

from zerokd._version import __version__
from zerokd.errors import ZerokdError

TRACEBACK_VARIABLE = "ZEROKD_TRACEBACK"
COMMANDS = {
    "run": "train a student as a recipe says",
    "sweep": "run a recipe at many points, and say which are best",
    "resume": "go on with a run that was stopped",
    "check": "prove that every term of a recipe trains the student",
    "explain": "account for a recipe's equation, term by term, or for a message",
    "bench": "measure what a recipe's steps cost on this machine",
    "check-data": "look at a folder of photos as a run would",
    "enhance": "brighten photos and films with a student",
    "evaluate": "measure students beside their teacher, and what takes no training",
    "export": "write a student for programs without zerokd",
    "demo": "show a student in the browser, on photos that stay there",
    "report": "write a run as a page",
    "diff": "say what differs between two runs",
    "list": "show every component that a recipe may name",
    "show": "show a component, or a recipe with the origin of every value",
    "new": "write a plugin to start from",
    "plugins": "show every plugin and its state, or check one",
    "schema": "write the JSON Schema of recipes, for editors",
    "doctor": "look for what would keep zerokd from running here",
}


class CommandGroup(click.Group):
    """Commands by name; each module ``zerokd.cli.<name>`` holds one ``command``."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return import_module(f"zerokd.cli.{name.replace('-', '_')}").command if name in COMMANDS else None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--traceback",
    is_flag=True,
    expose_value=False,
    callback=lambda context, parameter, given: given and os.environ.update({TRACEBACK_VARIABLE: "1"}),
    help="Show in full how an error in a plugin came about; so does ZEROKD_TRACEBACK=1.",
)
def zerokd() -> None:
    """Compose, prove, train and ship tiny zero-reference image enhancers.

    Exit codes: 0 done; 1 done, but some inputs failed; 2 usage or recipe; 3 data or weights; 4 a value that is not
    finite; 5 the environment (disk, permission, lock); 130 interrupted and 143 terminated (what was trained is kept:
    zerokd resume).
    """


@contextmanager
def ignore_broken_pipe(stream: TextIO) -> Iterator[None]:
    """Write until the reader has seen enough, as in ``zerokd list | head``; what is left goes nowhere."""
    try:
        yield
    except BrokenPipeError:  # Python flushes again at its end, and would complain there
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main(command: click.Command = zerokd) -> None:
    """Run a command line; a mistake that has a remedy ends in its message and exit code, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # paths are bytes, and some of them are no text
            stream.reconfigure(errors="backslashreplace")
    try:
        command(prog_name=command.name, standalone_mode=False)
    except (ZerokdError, click.ClickException, click.Abort, KeyboardInterrupt) as error:
        with ignore_broken_pipe(sys.stderr):
            if getattr(error, "exit_code", 0) != 2 or os.environ.get("RANK", "0") == "0":  # what all say, one says
                _report_error(error)
        sys.exit(getattr(error, "exit_code", 130))


def _report_error(error: BaseException) -> None:
    if isinstance(error, click.ClickException):
        error.show()
    elif isinstance(error, ZerokdError):
        for problem in error.problems:
            if problem.cause is not None and os.environ.get(TRACEBACK_VARIABLE):
                click.echo("".join(traceback.format_exception(problem.cause)), err=True)
            click.echo(str(problem), err=True)
        if len(error.problems) > 1:
            click.echo(f"{len(error.problems)} problems; nothing was run", err=True)
    else:
        click.echo("interrupted", err=True)
