"""Errors for people: where, what was got, what is allowed, what to do next.

Every error a user can cause is a :class:`ZerokdError`; the command line prints it without a traceback and ends with its
``exit_code``. Several mistakes travel together as :class:`Problem` records, so a recipe is corrected in one go.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Self

from attrs import evolve, field, frozen

KeyPath = tuple[str | int, ...]  # ("terms", "task", "smooth", "weight"); integers are indices into arrays
MAX_QUOTED_WIDTH = 96  # a quoted source line is cut here, so that a caret always stands under what it points at


@frozen
class Place:
    """A position in a recipe: file (or ``--set ...``), 1-based line and column, and that line's text."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def quote(self) -> list[str]:
        """The source line with a caret under the column; nothing when the place has no line."""
        if not self.line:
            return []
        number, start = str(self.line), max(0, self.column - MAX_QUOTED_WIDTH * 3 // 4)
        shown = "".join(char if char.isprintable() else " " for char in self.text[start : start + MAX_QUOTED_WIDTH])
        return [f"  {number} | {shown}", f"  {' ' * len(number)} | {' ' * (self.column - 1 - start)}^"]


@frozen
class Problem:
    """One mistake: what was got (``message``), where, and how to put it right (``hints``).

    ``cause`` is what a plugin raised, for its author. ``code`` names what kind of mistake it is: `zerokd explain CODE`.
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
    """Base of every error that has a remedy. ``problems`` lists all that was found wrong."""

    exit_code = 2
    code = ""  # of problems that have none of their own

    def __init__(self, *problems: Problem | str):
        known = (problem if isinstance(problem, Problem) else Problem(problem) for problem in problems)
        self.problems = tuple(one if one.code or not self.code else evolve(one, code=self.code) for one in known)
        super().__init__("\n".join(map(str, self.problems)))

    def with_place(self, place: Place) -> Self:
        """The same error; problems that know no place of their own get this one."""
        return type(self)(*(problem if problem.place else evolve(problem, place=place) for problem in self.problems))


class RecipeError(ZerokdError):
    """A recipe, option or plugin name is wrong (exit code 2)."""


class PluginError(RecipeError):
    """A component that the recipe uses raised an error of its own (exit code 2)."""

    code = "plugin-failed"


class OutOfMemoryError(PluginError):
    """Memory ran out while a component was at work (exit code 5)."""

    exit_code = 5
    code = "out-of-memory"


class DataError(ZerokdError):
    """The training data cannot be used (exit code 3)."""

    exit_code = 3
    code = "data-unusable"


class WeightsError(ZerokdError):
    """A weights file cannot be used, fetched or trusted (exit code 3)."""

    exit_code = 3
    code = "weights-unusable"


class ExportError(ZerokdError):
    """A student cannot be written in a format, or the file differs from it (exit code 3)."""

    exit_code = 3
    code = "export-failed"


class NumericError(ZerokdError):
    """A value or gradient stopped being finite (exit code 4)."""

    exit_code = 4
    code = "not-finite-step"


class StoppedError(ZerokdError):
    """A run was asked to stop by a signal, and can go on (exit code 128 + the signal's number)."""

    exit_code = 130
    code = "stopped"

    def with_signal(self, signal_number: int) -> Self:
        """The same error, with the exit code that shells give a process which a signal ended."""
        self.exit_code = 128 + signal_number
        return self


class OutputError(ZerokdError):
    """A file or folder cannot be made or written (exit code 5)."""

    exit_code = 5
    code = "cannot-write"


class RunFolderError(OutputError):
    """The run folder cannot be made or written (exit code 5)."""

    code = "run-folder"


def combine_errors(errors: Sequence[ZerokdError]) -> ZerokdError:
    """Several errors as one, each problem once; a mistake in the recipe decides the exit code over one in a file."""
    kinds = [type(error) for error in errors]
    kind = RecipeError if RecipeError in kinds else kinds[0]
    return kind(*dict.fromkeys(problem for error in errors for problem in error.problems))


def escape_unprintable(name: str) -> str:
    """A file's name as one line of text: what would move a cursor or change a colour is escaped."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name)


def describe_non_ascii(name: str) -> tuple[str, ...]:
    """One hint for each of the first characters that are no ASCII: they may look like letters that they are not."""
    odd = [char for char in dict.fromkeys(name) if not char.isascii()][:3]
    return tuple(f"{char!r} is {unicodedata.name(char, 'unnamed')} (U+{ord(char):04X})" for char in odd)


def did_you_mean(name: str, known: Iterable[str], see_also: str = "") -> tuple[str, ...]:
    """The hints for an unknown name: the nearest known one, else all of them, then where to look (``see``).

    What in the name is no ASCII is told too.
    """
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif len(known) > 12:
        hint = f"known: {', '.join(known[:12])}, ... ({len(known)} in all)"
    else:
        hint = f"known: {', '.join(known)}" if known else "none is known"
    return (f"{hint}  {see_also}".rstrip(), *describe_non_ascii(name))
