"""A plugin's code, run so that what it throws, prints or changes stays its own."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import IO

from zerokd.errors import escape_unprintable

MAX_CAPTURED_CHARACTERS = 200  # characters that are kept of what it prints


@contextmanager
def isolate_plugin_code(reasons: list[str], notes: list[str], prefix: str = "") -> Iterator[None]:
    """Whatever a plugin throws becomes a reason in ``ills``; what else it does that it should not, a line in ``notes``.

    Its prints are kept from our own output, its working directory and search path are taken back. A process that it
    ends by force, or code that never returns, cannot be held.
    """
    heavy, here, path = "torch" in sys.modules, _current_directory(), list(sys.path)
    with _capture_output(notes, prefix), warnings.catch_warnings(action="ignore"):
        try:
            yield
        except KeyboardInterrupt:  # not a plugin's doing; all else that it throws is its fault alone
            raise
        except BaseException as error:
            reasons.append(escape_unprintable(f"{prefix}{type(error).__name__}: {error_message(error)}".rstrip(": ")))
    if "torch" in sys.modules and not heavy:
        notes.append(f"{prefix}imports torch when it is registered, which makes every listing slow")
    if here and _current_directory() != here:
        os.chdir(here)
        notes.append(f"{prefix}changed the working directory")
    if sys.path != path:
        sys.path[:] = path
        notes.append(f"{prefix}changed sys.path")


def error_message(fault: BaseException) -> str:
    """An error's message; a stranger's may fail to make one."""
    try:
        return str(fault)
    except Exception as other:
        return f"its message cannot be made: {type(other).__name__}"


def _current_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


@contextmanager
def _capture_output(notes: list[str], prefix: str) -> Iterator[None]:
    """Keep what is printed, by Python or by a child process, and note it."""
    text, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO()  # a question would wait for ever, unseen
    with _open_scratch_file() as file:
        try:
            with _redirect_standard_streams(file.fileno()), redirect_stdout(text), redirect_stderr(text):
                yield
        finally:
            sys.stdin = stdin
        file.seek(0)
        heard = (text.getvalue() + file.read(4 * MAX_CAPTURED_CHARACTERS).decode("utf-8", "replace")).strip()
    if heard:
        notes.append(f"{prefix}printed: {escape_unprintable(heard)[:MAX_CAPTURED_CHARACTERS]}")


def _open_scratch_file() -> IO[bytes]:
    """A file for what is printed; nothing is kept where no file can be made."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


@contextmanager
def _redirect_standard_streams(target: int) -> Iterator[None]:
    """Point the process's own standard output and error at a file, and its input at nothing, where it has them."""
    kept: dict[int, int] = {}
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, stand_in in ((0, nothing), (1, target), (2, target)):
        with contextlib.suppress(OSError):
            kept[number] = os.dup(number)
            os.dup2(stand_in, number)
    os.close(nothing)
    try:
        yield
    finally:
        for stream in (sys.__stdout__, sys.__stderr__):  # what was written to them belongs into the file too
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()  # type: ignore[union-attr]
        for number, before in kept.items():
            os.dup2(before, number)
            os.close(before)
