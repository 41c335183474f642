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

from zerokd.errors import printable

INTERRUPTS = (KeyboardInterrupt, GeneratorExit)  # not a plugin's doing; all else that it throws is its fault alone
LONGEST = 200  # characters that are kept of what it prints


@contextmanager
def isolated(ills: list[str], notes: list[str], where: str = "") -> Iterator[None]:
    """Whatever a plugin throws becomes a reason in ``ills``; what else it does that it should not, a line in ``notes``.

    Its prints are kept from our own output, its working directory and search path are taken back. A process that it
    ends by force, or code that never returns, cannot be held.
    """
    heavy, here, path = "torch" in sys.modules, _here(), list(sys.path)
    with _overheard(notes, where), warnings.catch_warnings(action="ignore"):
        try:
            yield
        except INTERRUPTS:
            raise
        except BaseException as fault:
            ills.append(printable(f"{where}{type(fault).__name__}: {fault}".rstrip(": ")))
    if "torch" in sys.modules and not heavy:
        notes.append(f"{where}imports torch when it is registered, which makes every listing slow")
    if here and _here() != here:
        os.chdir(here)
        notes.append(f"{where}changed the working directory")
    if sys.path != path:
        sys.path[:] = path
        notes.append(f"{where}changed sys.path")


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


@contextmanager
def _overheard(notes: list[str], where: str) -> Iterator[None]:
    """Keep what is printed, by Python or by a child process, and note it."""
    text = io.StringIO()
    with tempfile.TemporaryFile() as file:
        with _descriptors(file.fileno()), redirect_stdout(text), redirect_stderr(text):
            yield
        file.seek(0)
        heard = (text.getvalue() + file.read(4 * LONGEST).decode("utf-8", "replace")).strip()
    if heard:
        notes.append(f"{where}printed: {printable(heard)[:LONGEST]}")


@contextmanager
def _descriptors(target: int) -> Iterator[None]:
    """Point the process's own standard output and error at a file, where it has them."""
    kept: dict[int, int] = {}
    for number in (1, 2):
        with contextlib.suppress(OSError):
            kept[number] = os.dup(number)
            os.dup2(target, number)
    try:
        yield
    finally:
        for number, before in kept.items():
            os.dup2(before, number)
            os.close(before)
