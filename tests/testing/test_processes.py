"""Several processes find what a single one finds; one that ends is reported, and the others continue."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.phases import record_phases
from tests.testing.test_collection import FILE
from zerokd.errors import RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.testing import processes as module
from zerokd.testing.outcomes import run_checks
from zerokd.testing.processes import run_checks_in_processes

HOOK = 'return [zerokd.LossSpec("flat", target=f"{__name__}:Flat", summary="a test")]'
MORE = """return [
        zerokd.LossSpec("dies", target=f"{__name__}:Dies", summary="ends its process"),
        zerokd.LossSpec("flat", target=f"{__name__}:Flat", summary="a test"),
        zerokd.LossSpec("gone", target="nowhere.at_all:Gone", summary="is not there"),
    ]"""
DIES = """

class Dies(Flat):
    def forward(self, *, image):
        import os
        os.kill(os.getpid(), 9)
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE.replace(HOOK, MORE) + DIES)
    return path


def test_outcomes_and_their_order_are_those_of_one_process(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    texts = record_phases(monkeypatch, module)
    alone = list(run_checks("mine", discover_plugins([path])))
    assert list(run_checks_in_processes("mine", [path], 2)) == alone
    total = sum(outcome.check != "misspelt" for outcome in alone)
    assert texts == [f"{total} of {total} checks done, now "]
    assert not multiprocessing.active_children()


def test_a_process_that_ends_fails_its_component_and_the_others_are_checked(plugin):
    outcomes = list(run_checks_in_processes("mine", [plugin], 1))
    by_subject = {}
    for outcome in outcomes:
        by_subject.setdefault(outcome.subject, []).append(outcome)
    assert list(by_subject) == ["dies", "flat", "gone"]
    assert [outcome.reason for outcome in by_subject["dies"] if outcome.check == "survives"] == [
        "a process that ran them ended by SIGKILL"
    ]
    assert {outcome.state for outcome in by_subject["flat"]} >= {"passed"}
    assert [outcome.check for outcome in by_subject["gone"]] == ["loads"]
    assert not multiprocessing.active_children()


def test_an_unknown_name_is_told_before_a_process_starts(monkeypatch):
    monkeypatch.setattr(module, "_Worker", None)
    with pytest.raises(RecipeError, match="no plugin and no component is called 'nothing'"):
        list(run_checks_in_processes("nothing", [], 2))


def descendants(process_id):
    """The ids of the processes below one."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process_id)], capture_output=True, text=True).stdout
    children = [int(line) for line in found.split()]
    return children + [below for child in children for below in descendants(child)]


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process_id}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interruption_leaves_no_process(tmp_path, sent, code):
    path = tmp_path / "mine.py"
    path.write_text(FILE.replace("return image", "import time; time.sleep(0.4); return image"))
    arguments = ["plugins", "--check", "mine", "--plugin", str(path), "--jobs", "2"]
    parent = subprocess.Popen(
        [sys.executable, "-m", "zerokd", *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    lines = []
    for line in parent.stderr:
        lines.append(line)
        if "checks done, now flat" in line:
            break
    below = descendants(parent.pid)
    assert below, lines
    (os.killpg if sent == signal.SIGINT else os.kill)(parent.pid, sent)  # a terminal interrupts the whole group
    rest = parent.stderr.read()
    assert parent.wait(30) == code
    assert "Traceback" not in rest
    assert rest.endswith("interrupted\n") or sent == signal.SIGKILL
    deadline = time.monotonic() + 30
    while any(map(is_alive, below)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_alive, below))
