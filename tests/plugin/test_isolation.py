"""What a plugin throws, prints or changes stays its own."""

import os
import sys

import pytest

from zerokd.plugin.isolation import LONGEST, isolated


def run(code):
    ills, notes = [], []
    with isolated(ills, notes, "here: "):
        exec(code, {})
    return ills, notes


def test_a_fault_is_a_reason_and_an_interruption_is_not():
    assert run("1 / 0") == (["here: ZeroDivisionError: division by zero"], [])
    assert run("raise SystemExit")[0] == ["here: SystemExit"]
    with pytest.raises(KeyboardInterrupt):
        run("raise KeyboardInterrupt")


def test_a_reason_is_one_harmless_line():
    assert run("raise ValueError('a\\nb\\x1b[31m')")[0] == ["here: ValueError: a\\nb\\x1b[31m"]


def test_prints_of_python_and_of_children_are_kept_away(capfd):
    _, notes = run("import os; print('one'); os.system('echo two; echo three >&2')")
    assert notes == ["here: printed: one\\ntwo\\nthree"]
    assert capfd.readouterr() == ("", "")


def test_long_prints_are_cut():
    assert len(run("print('x' * 10_000)")[1][0]) < LONGEST + 40


def test_the_working_directory_and_the_path_are_taken_back():
    here, path = os.getcwd(), list(sys.path)
    _, notes = run("import os, sys; os.chdir('/'); sys.path.insert(0, '/nowhere')")
    assert (os.getcwd(), sys.path) == (here, path)
    assert notes == ["here: changed the working directory", "here: changed sys.path"]


def test_quiet_code_leaves_nothing():
    assert run("x = 1") == ([], [])
