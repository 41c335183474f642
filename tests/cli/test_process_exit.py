"""A command ends at once: threads and exit functions have run, and what watches it sees the whole end."""

import os
import subprocess
import sys

import pytest

from tests.command import start, zerokd

EXIT = "from zerokd.cli.process_exit import exit_process\n"


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


def test_threads_and_exit_functions_run_and_what_was_printed_arrives():
    completed = run(
        EXIT
        + "import atexit, sys, threading, time\n"
        + "atexit.register(print, 'first registered')\n"
        + "atexit.register(print, 'last registered')\n"
        + "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
        + "print('command', end=' '); sys.stderr.write('error')\n"
        + "exit_process(3)"
    )
    assert completed.returncode == 3
    assert completed.stdout == "command thread\nlast registered\nfirst registered\n"
    assert completed.stderr == "error"


def test_modules_are_not_unloaded():
    program = EXIT + "class Slow:\n    def __del__(self): print('unloaded')\nslow = Slow()\n"
    assert run(program).stdout == "unloaded\n"
    assert run(program + "exit_process(0)").stdout == ""


@pytest.mark.parametrize("watch", ["sys.setprofile(lambda *_: None)", "sys.settrace(lambda *_: None)"])
def test_profilers_see_the_whole_end(watch):
    completed = run(f"import sys\n{watch}\n{EXIT}try:\n    exit_process(4)\nfinally:\n    print('profile saved')")
    assert (completed.returncode, completed.stdout) == (4, "profile saved\n")


def test_a_profile_of_a_command_is_written(tmp_path):
    command = [sys.executable, "-m", "cProfile", "-o", tmp_path / "profile", "-m", "zerokd", "--version"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "profile").stat().st_size


def test_exit_codes_arrive():
    assert zerokd("--version", fresh=True).returncode == 0
    assert zerokd("list", "lossses", fresh=True).returncode == 2


def test_another_process_than_the_first_reports_a_mistake_of_its_own():
    prelude = "import zerokd.cli; zerokd.cli.FIRST_REPORT_SECONDS = 0.1"
    process = start("list", "lossses", env=os.environ | {"RANK": "1"}, prelude=prelude)
    assert "lossses" in process.communicate(60)[1]
    assert process.returncode == 2
