"""Ctrl-C and SIGTERM stop a run between two steps, so that it can be resumed; a second signal ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """The number of the signal that asked the run to stop; 0 before that."""

    def __init__(self) -> None:
        self.signal_number = 0


@contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Note the first signal instead of ending; then, and afterwards, the previous handlers are back.

    Only a process's main thread can set handlers; in any other thread, signals keep their meaning.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def restore_handlers() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        restore_handlers()

    for number in STOP_SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore_handlers()
