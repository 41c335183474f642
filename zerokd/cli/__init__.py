"""The command line: one module per command, imported when it is called, so that help never waits for torch.

May import everything; nothing but ``python -m zerokd`` imports it.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn, TextIO, cast

import click

from zerokd._version import __version__
from zerokd.cli.process_exit import exit_process
from zerokd.errors import OutputError, Problem, ZerokdError

TRACEBACK_VARIABLE = "ZEROKD_TRACEBACK"
GARBAGE_THRESHOLD = 50_000  # new objects until Python looks for garbage; its 700 cost 0.3 s while torch is imported
FIRST_REPORT_SECONDS = 10.0  # that the other processes of a run leave the first one to report their common mistake
COMMANDS = {
    "run": "train a student from a recipe",
    "sweep": "run a recipe at many points and find the best",
    "resume": "resume an interrupted run",
    "check": "verify that every term of a recipe trains the student",
    "explain": "print a recipe's equation term by term, or explain an error code",
    "bench": "measure the training steps of a recipe on this machine",
    "check-data": "inspect a folder of photos",
    "enhance": "brighten photos and videos with a student",
    "evaluate": "compare students with their teacher and with untrained methods",
    "benchmark": "compare students and recipes on sets of photos, with intervals",
    "export": "write a student for programs without zerokd",
    "demo": "try a student in the browser; photos never leave the machine",
    "report": "write the report page of a run",
    "card": "write the model card of a run's student",
    "diff": "compare two runs",
    "list": "list the components that recipes may use",
    "show": "show a component, or a recipe with the origin of every value",
    "new": "create a plugin to start from",
    "plugins": "list all plugins and their state, or check one",
    "schema": "write the JSON Schema of recipes, for editors",
    "doctor": "check whether zerokd can run on this machine",
}


FIRST_STEPS = {
    "zerokd demo": "try the default student in the browser",
    "zerokd enhance PHOTOS -o bright": "brighten a folder of photos and videos",
    "zerokd run paper": "train a student of your own in minutes",
    "zerokd list recipes": "see what else can be trained",
    "zerokd doctor": "check this machine",
    "zerokd --help": "see all commands",
}


class CommandGroup(click.Group):
    """Commands by name; each is the ``command`` of the module ``zerokd.cli.<name>``."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return import_module(f"zerokd.cli.{name.replace('-', '_')}").command if name in COMMANDS else None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.group(cls=CommandGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--traceback",
    is_flag=True,
    expose_value=False,
    callback=lambda context, parameter, value: value and os.environ.update({TRACEBACK_VARIABLE: "1"}),
    help="Show the traceback of an error in a plugin, as ZEROKD_TRACEBACK=1 does.",
)
@click.pass_context
def zerokd(context: click.Context) -> None:
    """Compose, prove, train and ship tiny zero-reference image enhancers.

    Exit codes: 0 success; 1 some inputs failed; 2 usage or recipe error; 3 data or weights error; 4 non-finite value;
    5 environment error (disk, permission, lock); 130 interrupted, 143 terminated (continue with zerokd resume).
    """
    if context.invoked_subcommand is None:
        formatter = context.make_formatter()
        with formatter.section("First steps"):
            formatter.write_dl([*FIRST_STEPS.items()], col_max=34)
        click.echo(formatter.getvalue(), nl=False)


@contextmanager
def ignore_broken_pipe(stream: TextIO) -> Iterator[None]:
    """Write until the reader closes the pipe, as in ``zerokd list | head``; discard the rest."""
    try:
        yield
    except BrokenPipeError:  # Python flushes once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class OutputStream:
    """Standard output, whose errors are reported like any other: no command can help a full disk."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text.

        Raises:
            OutputError: the text cannot be written; what follows is discarded.
        """
        if text == "":  # so click asks what kind of stream this is, and swallows the error
            return 0
        with self._report_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush; as :meth:`write`."""
        with self._report_errors():
            self._stream.flush()

    @contextmanager
    def _report_errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # Python flushes once more at exit
            hint = "free some space, or write elsewhere"
            raise OutputError(Problem(f"cannot write to standard output: {error.strerror}", hints=(hint,))) from error


def main(command: click.Command = zerokd) -> NoReturn:
    """Run the command line and end the process. Expected errors end in a message and an exit code, never in a
    traceback."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # paths are bytes, not always valid text
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is not None:  # None where it is closed
        sys.stdout = cast(TextIO, OutputStream(sys.stdout))
    exit_process(_run_command(command))


def _run_command(command: click.Command) -> int:
    """The exit code."""
    try:
        command(prog_name=command.name, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except SystemExit as error:
        if not isinstance(error.code, int):
            raise
        return error.code
    except (ZerokdError, click.ClickException, click.Abort, KeyboardInterrupt) as error:
        if getattr(error, "exit_code", 0) == 2 and os.environ.get("RANK", "0") != "0":
            time.sleep(FIRST_REPORT_SECONDS)  # torchrun ends this process when the first one has reported the same
        with ignore_broken_pipe(sys.stderr):
            _report_error(error)
        return int(getattr(error, "exit_code", 130))
    return 0


def _report_error(error: BaseException) -> None:
    if isinstance(error, click.ClickException):
        error.show()
    elif isinstance(error, ZerokdError):
        for problem in error.problems:
            if problem.cause is not None and os.environ.get(TRACEBACK_VARIABLE):
                click.echo("".join(traceback.format_exception(problem.cause)), err=True)
            click.echo(str(problem), err=True)
        if len(error.problems) > 1:
            click.echo(f"{len(error.problems)} problems; nothing has run", err=True)
    else:
        click.echo("interrupted", err=True)
