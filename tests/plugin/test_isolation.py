"""What a plugin throws, prints or changes stays its own."""

import os
import sys

import pytest

from zerokd.plugin.isolation import MAX_CAPTURED_CHARACTERS, isolate_plugin_code


def run(code):
    ills, notes = [], []
    with isolate_plugin_code(ills, notes, "here: "):
        exec(code, {})
    return ills, notes


def test_a_fault_is_a_reason_and_an_interruption_is_not():
    assert run("1 / 0") == (["here: ZeroDivisionError: division by zero"], [])
    assert run("raise SystemExit")[0] == ["here: SystemExit"]
    assert run("raise GeneratorExit")[0] == ["here: GeneratorExit"]
    with pytest.raises(KeyboardInterrupt):
        run("raise KeyboardInterrupt")


def test_an_error_that_cannot_be_told_is_one_too():
    code = "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute"
    assert run(code)[0] == ["here: Mute: its message fails with ValueError"]


@pytest.mark.parametrize(
    "question", ["input('who?')", "import sys; sys.stdin.readline() or 1 / 0", "import os; os.read(0, 1) or 1 / 0"]
)
def test_a_question_does_not_wait_for_an_answer(question):
    assert run(question)[0]


def test_the_hidden_stream_is_kept_away_too(capfd):
    _, notes = run("import sys; sys.__stdout__.write('hidden')")
    assert notes == ["here: printed: hidden"]
    assert capfd.readouterr().out == ""


def test_without_room_for_a_file_prints_are_dropped(monkeypatch, capfd):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert run("import os; os.system('echo two')") == ([], [])
    assert capfd.readouterr().out == ""


def test_a_reason_is_one_harmless_line():
    assert run("raise ValueError('a\\nb\\x1b[31m')")[0] == ["here: ValueError: a\\nb\\x1b[31m"]


def test_prints_of_python_and_of_children_are_kept_away(capfd):
    _, notes = run("import os; print('one'); os.system('echo two; echo three >&2')")
    assert notes == ["here: printed: one\\ntwo\\nthree"]
    assert capfd.readouterr() == ("", "")


def test_long_prints_are_cut():
    assert len(run("print('x' * 10_000)")[1][0]) < MAX_CAPTURED_CHARACTERS + 40


def test_the_working_directory_and_the_path_are_taken_back():
    before, path = os.getcwd(), list(sys.path)
    _, notes = run("import os, sys; os.chdir('/'); sys.path.insert(0, '/nowhere')")
    assert (os.getcwd(), sys.path) == (before, path)
    assert notes == ["here: changed the working directory", "here: changed sys.path"]


def test_quiet_code_leaves_nothing():
    assert run("x = 1") == ([], [])
