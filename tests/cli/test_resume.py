"""``zerokd run`` stopped from outside, and ``zerokd resume``: exit codes, messages, and that nothing is lost."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.command import start
from tests.conftest import RECIPES

SMALL = [
    *("--set", "data.size=32", "--set", "data.count=6", "--set", "threads=1", "--epochs", "9"),
    *("--set", "terms.distillation.perceptual.weights=random", "--set", "checkpoint_seconds=0.0"),
]
RUN = ["run", RECIPES / "paper.toml", *SMALL]


def ended(process):
    out, err = process.communicate(timeout=240)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def zerokd(*arguments, cwd, **more):
    return ended(start(*arguments, cwd=cwd, **more))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    code, _, err = zerokd(*RUN, "--out", "run", cwd=folder)
    assert code == 0, err
    return folder / "run"


def until(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_run_that_a_signal_ends_goes_on_to_the_same_student(tmp_path, whole, number, code):
    process = start(*RUN, "--out", "run", cwd=tmp_path)
    until((tmp_path / "run/checkpoints/prev.safetensors").exists, process)
    os.kill(process.pid, number)
    exit_code, _, err = ended(process)
    assert exit_code == code
    if code > 0:
        assert "a checkpoint is saved" in err
        assert "zerokd resume run" in err
    code, out, err = zerokd("resume", "run", cwd=tmp_path)
    assert code == 0, err
    assert "resuming after step" in out
    assert (tmp_path / "run/student.safetensors").read_bytes() == (whole / "student.safetensors").read_bytes()
    assert sorted(os.listdir(tmp_path / "run")) == sorted(os.listdir(whole))


def test_two_runs_that_want_one_folder_are_one_run_and_one_message(tmp_path):
    """Both start at once, again and again; one trains, the other says so."""
    for attempt in range(3):
        pair = [start(*RUN, "--out", f"run{attempt}", cwd=tmp_path) for _ in range(2)]
        codes = sorted((found := ended(process))[0] for process in pair)
        assert codes == [0, 5], found


def test_a_full_disk_ends_the_run_by_name_and_the_checkpoint_before_it_stays(tmp_path, whole):
    small_files = (  # as a full disk: a write beyond this many bytes of a file fails
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (24_000, resource.RLIM_INFINITY))"
    )
    code, _, err = zerokd(*RUN, "--out", "run", cwd=tmp_path, prelude=small_files)
    assert code == 5, err
    assert "cannot write to 'run': File too large" in err
    assert not [name for name in os.listdir(tmp_path / "run/checkpoints") if name.startswith(".")]
    code, _, err = zerokd("resume", "run", cwd=tmp_path)
    assert code == 0, err
    assert (tmp_path / "run/student.safetensors").read_bytes() == (whole / "student.safetensors").read_bytes()


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"), reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told_before_the_first_step(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    drop = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    probe = subprocess.run([*drop, sys.executable, "-c", "import zerokd"], capture_output=True, cwd="/")
    if probe.returncode:
        pytest.skip("the user that may not write may not read the project either")
    command = [*drop, sys.executable, "-m", "zerokd", *map(str, RUN), "--out", str(closed / "run")]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=240)
    assert done.returncode == 5, done.stderr
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr
    assert "objective" not in done.stdout


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_what_is_no_run_is_told(tmp_path, path):
    code, _, err = zerokd("resume", path, cwd=tmp_path)
    assert code == 5
    assert f"{path!r} is not a run folder" in err
