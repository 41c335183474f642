"""What a command that lasts is doing, and for how long: a line on stderr after one second, then every five.

Rooms name their phases with :func:`phase`; without :func:`report_phases`, which commands use, nothing is printed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST_SECONDS = 1.0  # a shorter command prints nothing
SECONDS_PER_LINE = 5.0
_phases: list[tuple[Callable[[], str], float]] = []  # what describes each phase, the innermost last, and its start


@contextmanager
def phase(name: str | Callable[[], str]) -> Iterator[None]:
    """Name what runs inside, or describe its progress; an empty text prints nothing, where a bar shows the progress."""
    entry = ((lambda: name) if isinstance(name, str) else name, time.monotonic())
    _phases.append(entry)
    try:
        yield
    finally:
        _phases.remove(entry)


@contextmanager
def report_phases(name: str) -> Iterator[None]:
    """Print the innermost phase, ``name`` outside of any, while the body runs."""
    ended = threading.Event()
    printer = threading.Thread(target=_print_until, args=(ended,), daemon=True)
    with phase(name):
        printer.start()
        try:
            yield
        finally:
            ended.set()
            printer.join()


def describe_steps(name: str, done: int, total: int, seconds: float, resumed_at: int = 0) -> str:
    """Progress in steps, with the rate of those in the last ``seconds``, and the time left.

    ``resumed_at`` steps of them were done before. The text fits 80 columns if the name has at most 18 letters and there
    are less than a million steps.
    """
    if done <= resumed_at:
        return f"{name}: step {done} of {total}"
    rate = (done - resumed_at) / max(seconds, 1e-9)
    return f"{name}: step {done} of {total}, {rate:.3g} steps/s, {(total - done) / rate:.0f} s left"


def _print_until(ended: threading.Event) -> None:
    delay = FIRST_SECONDS
    while not ended.wait(delay):
        delay = SECONDS_PER_LINE
        describe, started = _phases[-1]
        if text := describe():
            print(f"{text} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)
