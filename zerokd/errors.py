"""Errors for people: where, what zerokd got, what it allows, what to do next.

Every error that a user can cause is a :class:`ZerokdError`, built from :class:`Problem` records or messages; the
command line prints it without a traceback and exits with its ``exit_code``. One error carries several problems, so that
a user corrects a recipe in one go.
"""

from __future__ import annotations

import difflib
import linecache
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Self

from attrs import evolve, field, frozen

KeyPath = tuple[str | int, ...]  # ("terms", "task", "smooth", "weight"); integers are indices into arrays
MAX_QUOTED_WIDTH = 96  # characters of a quoted source line: the caret stays under its column in a terminal
MAX_LISTED_NAMES = 12


@frozen
class Place:
    """A position in a recipe: file (or ``--set ...``), 1-based line and column, and the text of that line."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def quote(self) -> list[str]:
        """The source line and a caret under the column; empty for a place without a line."""
        if not self.line:
            return []
        number, start = str(self.line), max(0, self.column - MAX_QUOTED_WIDTH * 3 // 4)
        excerpt = "".join(char if char.isprintable() else " " for char in self.text[start : start + MAX_QUOTED_WIDTH])
        return [f"  {number} | {excerpt}", f"  {' ' * len(number)} | {' ' * (self.column - 1 - start)}^"]


def calling_place() -> Place:
    """The line of Python that called into zerokd."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "zerokd":
        frame = frame.f_back
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).rstrip("\n")
    column = len(text) - len(text.lstrip()) + 1
    return Place(frame.f_code.co_filename, frame.f_lineno, column, text)


@frozen
class Problem:
    """One mistake: the ``message``, its ``place``, and ``hints`` to fix it.

    ``cause`` is the exception that a plugin raised. ``code`` names the kind of mistake for `zerokd explain CODE`.
    """

    message: str
    place: Place | None = None
    hints: tuple[str, ...] = ()
    cause: BaseException | None = field(default=None, eq=False, repr=False)
    code: str = field(default="", eq=False, kw_only=True)

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        head += f" [{self.code}]" if self.code else ""
        quote = self.place.quote() if self.place else []
        return "\n".join([head, *quote, *(f"  {hint}" for hint in self.hints)])


class ZerokdError(Exception):
    """Base of every error that a user can fix. ``problems`` lists all of them; a message becomes a :class:`Problem`.

    Subclasses take the same arguments. One that carries more sets attributes, which copies and pickles keep.
    """

    exit_code = 2
    code = ""  # of problems without a code of their own

    def __init__(self, *problems: Problem | str):
        records = (problem if isinstance(problem, Problem) else Problem(problem) for problem in problems)
        self.problems = tuple(
            record if record.code or not self.code else evolve(record, code=self.code) for record in records
        )
        super().__init__("\n".join(map(str, self.problems)))

    def with_problems(self, *problems: Problem) -> Self:
        """A copy of this error with other problems."""
        copy = type(self)(*problems)
        copy.__dict__ |= self._attributes()
        return copy

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of the call stack."""
        return str(self).splitlines()

    def with_place(self, place: Place) -> Self:
        """A copy of this error; problems without a place get this one."""
        return self.with_problems(
            *(problem if problem.place else evolve(problem, place=place) for problem in self.problems)
        )

    def _attributes(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "problems"}

    def __reduce__(self) -> tuple[Any, ...]:
        # a cause may be unpicklable, and its traceback always is
        return type(self), tuple(evolve(problem, cause=None) for problem in self.problems), self._attributes()


class RecipeError(ZerokdError):
    """A recipe, option or plugin name is wrong (exit code 2)."""


class PluginError(RecipeError):
    """A component of the recipe raised an error of its own (exit code 2)."""

    code = "plugin-failed"


class OutOfMemoryError(PluginError):
    """A component ran out of memory (exit code 5)."""

    exit_code = 5
    code = "out-of-memory"


class DataError(ZerokdError):
    """The training data is unusable (exit code 3)."""

    exit_code = 3
    code = "data-unusable"


class WeightsError(ZerokdError):
    """A weights file is unusable, untrusted, or cannot be fetched (exit code 3)."""

    exit_code = 3
    code = "weights-unusable"


class ExportError(ZerokdError):
    """A format cannot hold the student, or the exported file differs from it (exit code 3)."""

    exit_code = 3
    code = "export-failed"


class NumericError(ZerokdError):
    """A value or gradient is NaN or infinite (exit code 4)."""

    exit_code = 4
    code = "not-finite-step"


class StoppedError(ZerokdError):
    """A signal stopped a run, which can be resumed (exit code 128 + the signal's number)."""

    exit_code = 130
    code = "stopped"

    def with_signal(self, signal_number: int) -> Self:
        """A copy of this error with the exit code that shells give to a process ended by this signal."""
        copy = self.with_problems(*self.problems)
        copy.exit_code = 128 + signal_number
        return copy


class OutputError(ZerokdError):
    """A file or folder cannot be created or written (exit code 5)."""

    exit_code = 5
    code = "cannot-write"


class RunFolderError(OutputError):
    """The run folder cannot be created or written (exit code 5)."""

    code = "run-folder"


def combine_errors(errors: Sequence[ZerokdError]) -> ZerokdError:
    """Several errors as one, without duplicate problems. Its type is RecipeError if any is, else that of the first."""
    first = next((error for error in errors if type(error) is RecipeError), errors[0])
    return first.with_problems(*dict.fromkeys(problem for error in errors for problem in error.problems))


def escape_unprintable(name: str) -> str:
    """A file name as one line of text, with escapes for characters that move a cursor or change a colour."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)


def describe_non_ascii(name: str) -> tuple[str, ...]:
    """One hint for each of the first three non-ASCII characters, which may look like ASCII letters."""
    characters = [char for char in dict.fromkeys(name) if not char.isascii()][:3]
    return tuple(f"{char!r} is {unicodedata.name(char, 'unnamed')} (U+{ord(char):04X})" for char in characters)


def did_you_mean(name: str, known: Iterable[str], see_also: str = "") -> tuple[str, ...]:
    """Hints for an unknown name: the nearest known name, else all of them, then where to look (``see_also``).

    More hints name its non-ASCII characters.
    """
    known = sorted(set(known))
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if nearest:
        hint = f"did you mean {nearest[0]!r}?"
    elif len(known) > MAX_LISTED_NAMES:
        hint = f"known: {', '.join(known[:MAX_LISTED_NAMES])}, ... ({len(known)} names)"
    else:
        hint = f"known: {', '.join(known)}" if known else "none available"
    return (f"{hint}  {see_also}".rstrip(), *describe_non_ascii(name))
