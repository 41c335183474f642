"""What a person sees while many files are worked on: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from zerokd.console import PipeSafeConsole as Quiet
from zerokd.errors import escape_unprintable


class EnhanceProgress:
    """A context in which files are counted. Failures and notes stay on the screen, the rest is a bar."""

    def __init__(self, count: int):
        self.console = Quiet()
        self._bar = Progress(
            BarColumn(20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=self.console,
            disable=not self.console.is_terminal,
            expand=True,
            transient=True,
        )
        self._task = self._bar.add_task("", total=count, now="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.stop()

    def print_line(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self.console.print(escape(text), style=style, highlight=False, soft_wrap=not self.console.is_terminal)

    def report_progress(self, name: str, fraction: float) -> None:
        """How much of a long file is done."""
        self._bar.update(self._task, now=escape(f"{escape_unprintable(name)} {fraction:.0%}"))

    def report(self, name: str, message: str) -> None:
        """One more file; a line only when there is something to say of it."""
        self._bar.update(self._task, advance=1, now=escape(escape_unprintable(name)))
        if message:
            self.print_line(
                f"{escape_unprintable(name)}: {message}", "bold red" if message.startswith("FAILED") else "yellow"
            )
