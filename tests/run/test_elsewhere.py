"""A run on a device that is not the CPU, simulated: nothing is left on the CPU, and Python hardly ever waits."""

import json
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from tests.command import zerokd
from tests.conftest import RECIPES, ROOT, TINY

SETTINGS = (*TINY, "stages.pretrain.epochs=2", "stages.distill.epochs=3", "diagnose_every=4", "data.count=9")
PER_STAGE = {"pretrain": 4, "distill": 6}  # steps
STOP = 6


def options(*more):
    return [word for setting in (*SETTINGS, *more) for word in ("--set", setting)]


def elsewhere(file, *arguments, stop=0):
    """The command on that device; how often each of its steps waited for it."""
    command = [sys.executable, "-m", "tests.elsewhere", file, str(stop), *arguments]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == (130 if stop else 0), done.stdout + done.stderr
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    arguments = ("run", RECIPES / "paper.toml", "--device", "elsewhere", *options(), "--out", folder / "run")
    return folder / "run", elsewhere(folder / "waits", *arguments)


def test_the_student_is_the_cpus(whole, tmp_path):
    done = zerokd("run", RECIPES / "paper.toml", *options(), "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    found, wanted = (load_file(one / "student.safetensors") for one in (whole[0], tmp_path / "run"))
    assert max((found[name] - wanted[name]).abs().max() for name in wanted) < 1e-5
    told = json.loads((whole[0] / "manifest.json").read_text())
    assert told["device"] == "elsewhere"
    assert (whole[0] / "report.html").exists()


def test_a_step_waits_for_the_device_once_and_for_its_diagnosis_once_more(whole):
    _, steps = whole
    assert len(steps) == sum(PER_STAGE.values())
    counts = [len(one) for one in steps]
    between = PER_STAGE["pretrain"]  # the stage's end and the next one's start are in its first step
    assert counts[1:between] == [1, 1, 2]
    assert counts[between + 1 :] == [1, 1, 2, 1, 1]


def test_a_run_goes_on_there_to_the_same_student(whole, tmp_path):
    arguments = ("run", RECIPES / "paper.toml", "--device", "elsewhere", *options(), "--out", tmp_path / "run")
    assert len(elsewhere(tmp_path / "first", *arguments, stop=STOP)) == STOP
    assert not (tmp_path / "run" / "student.safetensors").exists()
    elsewhere(tmp_path / "second", "resume", tmp_path / "run")
    found, wanted = ((one / "student.safetensors").read_bytes() for one in (tmp_path / "run", whole[0]))
    assert found == wanted
