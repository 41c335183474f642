"""The first signal asks, the second one means it."""

import os
import signal
import threading

import pytest

from zerokd.run.interrupt import catch_stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_the_second_has_its_usual_meaning(number):
    before, seen = signal.getsignal(number), []
    signal.signal(number, lambda number, _: seen.append(number))
    try:
        with catch_stop_signals() as stop:
            assert stop.signal_number == 0
            os.kill(os.getpid(), number)
            assert (stop.signal_number, seen) == (number, [])
            os.kill(os.getpid(), number)
            assert seen == [number]
    finally:
        signal.signal(number, before)


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError), catch_stop_signals():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_another_thread_leaves_signals_alone():
    seen = []

    def work():
        with catch_stop_signals() as stop:
            seen.append((stop.signal_number, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(0, signal.getsignal(signal.SIGTERM))]
