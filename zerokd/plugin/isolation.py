"""Run a plugin's code in isolation: its errors, output and changes to the process have no effect outside."""

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

MAX_CAPTURED_CHARACTERS = 200  # characters of a plugin's output in a note


@contextmanager
def isolate_plugin_code(reasons: list[str], notes: list[str], prefix: str = "") -> Iterator[None]:
    """Turn a plugin's error into a reason in ``reasons``, and each side effect into a line in ``notes``.

    Its output does not reach zerokd's, and its working directory and search path are restored. Isolation cannot stop a
    plugin that kills the process or never returns.
    """
    had_torch, folder, search_path = "torch" in sys.modules, _current_directory(), list(sys.path)
    with _capture_output(notes, prefix), warnings.catch_warnings(action="ignore"):
        try:
            yield
        except KeyboardInterrupt:  # comes from the user; every other exception from the plugin
            raise
        except BaseException as error:
            reasons.append(escape_unprintable(f"{prefix}{type(error).__name__}: {error_message(error)}".rstrip(": ")))
    if "torch" in sys.modules and not had_torch:
        notes.append(f"{prefix}imports torch on registration, which makes every listing slow")
    if folder and _current_directory() != folder:
        os.chdir(folder)
        notes.append(f"{prefix}changed the working directory")
    if sys.path != search_path:
        sys.path[:] = search_path
        notes.append(f"{prefix}changed sys.path")


def error_message(error: BaseException) -> str:
    """Return an error's message; a plugin's own __str__ may fail."""
    try:
        return str(error)
    except Exception as other:
        return f"its message fails with {type(other).__name__}"


def _current_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


@contextmanager
def _capture_output(notes: list[str], prefix: str) -> Iterator[None]:
    """Capture the output of Python and of child processes, and note it."""
    text, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO()  # an invisible prompt would wait for ever
    with _open_scratch_file() as file:
        try:
            with _redirect_standard_streams(file.fileno()), redirect_stdout(text), redirect_stderr(text):
                yield
        finally:
            sys.stdin = stdin
        file.seek(0)
        output = (text.getvalue() + file.read(4 * MAX_CAPTURED_CHARACTERS).decode("utf-8", "replace")).strip()
    if output:
        notes.append(f"{prefix}printed: {escape_unprintable(output)[:MAX_CAPTURED_CHARACTERS]}")


def _open_scratch_file() -> IO[bytes]:
    """Open a temporary file for the output; without one, discard it."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


@contextmanager
def _redirect_standard_streams(target: int) -> Iterator[None]:
    """Redirect the process's standard output and error to a file, and its input to nothing."""
    saved: dict[int, int] = {}
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, replacement in ((0, null), (1, target), (2, target)):
        with contextlib.suppress(OSError):
            saved[descriptor] = os.dup(descriptor)
            os.dup2(replacement, descriptor)
    os.close(null)
    try:
        yield
    finally:
        for stream in (sys.__stdout__, sys.__stderr__):  # buffered output belongs in the file too
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()  # type: ignore[union-attr]
        for descriptor, original in saved.items():
            os.dup2(original, descriptor)
            os.close(original)
