"""Progress of work on many files: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from zerokd.console import PipeSafeConsole
from zerokd.errors import escape_unprintable
from zerokd.student.enhance.inputs import FileReport, FileStatus

FAILURE_LABELS = {FileStatus.FAILED: "FAILED: ", FileStatus.DAMAGED: "DAMAGED: "}


class EnhanceProgress:
    """A context that counts files. Failures and notes stay on the screen; the rest is a bar.

    ``to_stderr`` leaves standard output to the result; ``quiet`` shows failures alone.
    """

    def __init__(self, count: int, to_stderr: bool = False, quiet: bool = False):
        self.console, self._quiet = PipeSafeConsole(stderr=to_stderr), quiet
        self._bar = Progress(
            BarColumn(20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
            expand=True,
            transient=True,
        )
        self._count = count
        self._task = self._bar.add_task("", total=count, now="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def describe(self) -> str:
        """How many files are done, for a phase; empty where a bar shows it."""
        return "" if not self._bar.disable else f"file {self._bar.tasks[0].completed + 1:.0f} of {self._count}"

    def print_note(self, text: str) -> None:
        """Print a line that stays, unless quiet."""
        if not self._quiet:
            self.print_line(text)

    def print_line(self, text: str, style: str = "") -> None:
        """Print a line that stays."""
        self.console.print(escape(text), style=style, highlight=False, soft_wrap=not self.console.is_terminal)

    def report_progress(self, name: str, fraction: float) -> None:
        """Show how much of a long file is done, in [0, 1]."""
        self._bar.update(self._task, now=escape(f"{escape_unprintable(name)} {fraction:.0%}"))

    def report(self, file_report: FileReport) -> None:
        """Count a file, and print its message if it has one."""
        name, label = escape_unprintable(file_report.name), FAILURE_LABELS.get(file_report.status, "")
        self._bar.update(self._task, advance=1, now=escape(name))
        if file_report.message and (label or not self._quiet):
            self.print_line(f"{name}: {label}{file_report.message}", "bold red" if label else "yellow")
