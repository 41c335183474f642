"""A command that lasts names what it does: soon, often, and on stderr alone."""

import re
import threading
import time

import pytest

from zerokd import phases
from zerokd.phases import describe_steps, phase, report_phases


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(phases, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(phases, "SECONDS_PER_LINE", 0.05)


def lines_of(capsys):
    printed = capsys.readouterr()
    assert printed.out == ""
    return [re.sub(r" \(\d+ s\)$", "", line) for line in printed.err.splitlines()]


def test_the_innermost_phase_is_printed_and_then_the_one_around_it(fast, capsys):
    with report_phases("starting"):
        with phase("proving 3 terms"):
            time.sleep(0.3)
        time.sleep(0.3)
    lines = lines_of(capsys)
    assert set(lines) == {"proving 3 terms", "starting"}
    assert lines == sorted(lines)
    assert len(lines) >= 4


def test_a_short_command_and_a_library_print_nothing(capsys):
    with report_phases("starting"), phase("reading"):
        pass
    with phase("reading"):
        pass
    assert lines_of(capsys) == []


def test_an_empty_description_is_silent(fast, capsys):
    with report_phases("starting"), phase(lambda: ""):
        time.sleep(0.3)
    assert lines_of(capsys) == []


def test_an_error_ends_the_phase_and_the_thread(fast):
    count = threading.active_count()
    with pytest.raises(ValueError, match="x"), report_phases("starting"), phase("reading"):
        raise ValueError("x")
    assert phases._phases == []
    assert threading.active_count() == count


def test_steps_by_hand():
    assert describe_steps("training distill", 0, 100, 0.0) == "training distill: step 0 of 100"
    assert describe_steps("training distill", 25, 100, 10.0) == (
        "training distill: step 25 of 100, 2.5 steps/s, 30 s left"
    )
    assert describe_steps("x", 40, 100, 10.0, resumed_at=30) == "x: step 40 of 100, 1 steps/s, 60 s left"
    assert len(describe_steps("training " + "x" * 9, 123_456, 999_999, 5e4) + " (50000 s)") <= 80


def test_the_first_line_is_early_enough_and_the_others_often_enough():
    assert phases.FIRST_SECONDS <= 2
    assert phases.SECONDS_PER_LINE <= 5
