"""Ctrl-C and SIGTERM end a run between two steps, so that it can go on from there; a second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """``asked`` is the number of the signal that asked for an end; 0 while none did."""

    def __init__(self) -> None:
        self.signal_number = 0


@contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Note the first signal instead of dying of it; the usual handlers stand again for the second one, and afterwards.

    Only a process's main thread can do so; in any other the signals keep their meaning.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def give_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        stop.signal_number = number
        give_back()

    for number in STOP_SIGNALS:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        give_back()
