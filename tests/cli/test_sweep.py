"""Workers as processes: together, killed, stopped, and against a real database server."""

import getpass
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.command import start
from tests.conftest import RECIPES, TINY
from zerokd.training.checkpoint import LAST_FILE

HASTY = "import zerokd.sweep.study as s; s.HEARTBEAT, s.SILENT = 1, 3"  # the dead are missed after 3 seconds
SETTINGS = [part for one in (*TINY, "stages.distill.epochs=6", "checkpoint_seconds=0.0") for part in ("--set", one)]
KILLS = int(os.environ.get("ZEROKD_KILLS", "4"))
GRID = ["--grid", "alpha=0.3,0.4", "--grid", "beta=0.1,0.65"]


def worker(out, *more, prelude=""):
    words = ["sweep", RECIPES / "paper.toml", *SETTINGS, *GRID, "--out", out, *more]
    return start(*words, prelude=prelude, merged=True)


def ended(process, code=1):
    """The output of a worker; one point of the grid is refused, since its coefficients are negative."""
    text, _ = process.communicate(timeout=200)
    assert process.returncode == code, text
    assert "Traceback" not in text, text
    return text


def taken(*texts):
    lines = [line for text in texts for line in text.splitlines()]
    return sorted(int(line.split()[1][:-1]) for line in lines if line.startswith("point "))


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never came")


def test_two_workers_run_each_point_once(tmp_path):
    first, second = worker(tmp_path), worker(tmp_path)
    texts = ended(first), ended(second)
    assert taken(*texts) == [1, 2, 3, 4]
    assert all("3 done, 1 refused" in text for text in texts), texts


def test_the_point_of_a_killed_worker_goes_on_where_it_was(tmp_path):
    first = worker(tmp_path, prelude=HASTY)
    wait_for(tmp_path / "points/001/checkpoints" / LAST_FILE)
    first.kill()
    first.communicate()
    text = ended(worker(tmp_path, prelude=HASTY))
    assert "3 done, 1 refused" in text
    assert taken(text) == [1, 2, 3, 4]
    record = json.loads((tmp_path / "points/001/manifest.json").read_text())
    assert len(record["resumed"]) == 1  # from its checkpoint, not from its first step


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_in_the_shared_stage_costs_no_point(tmp_path, ending):
    slow = ("--set", "stages.pretrain.epochs=40")
    first = worker(tmp_path, *slow, prelude=HASTY)
    wait_for(tmp_path / "shared/checkpoints" / LAST_FILE)
    first.send_signal(ending)
    first.communicate(timeout=60)
    assert not (tmp_path / "shared/student.safetensors").exists()
    text = ended(worker(tmp_path, *slow, prelude=HASTY))
    assert "3 done, 1 refused" in text
    assert len(json.loads((tmp_path / "shared/manifest.json").read_text())["resumed"]) == 1


def test_random_kills_of_two_workers_cost_no_point(tmp_path):
    """Whoever ends, at whichever moment: every point is computed, with the weights of a sweep that nobody ends."""
    slow = ("--set", "stages.pretrain.epochs=20", "--set", "stages.distill.epochs=12")
    ended(worker(tmp_path / "clean", *slow))
    rng = random.Random(0)
    workers = [worker(tmp_path / "killed", *slow, prelude=HASTY) for _ in range(2)]
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.1, 4.0))
        lost = workers.pop(rng.randrange(2))
        lost.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
        text, _ = lost.communicate(timeout=60)
        assert "Traceback" not in text, text
        workers.append(worker(tmp_path / "killed", *slow, prelude=HASTY))
    texts = [process.communicate(timeout=200)[0] for process in workers]
    assert "3 done, 1 refused" in ended(worker(tmp_path / "killed", *slow, prelude=HASTY)), texts
    done = [sorted(folder.glob("points/*/student.safetensors")) for folder in (tmp_path / "clean", tmp_path / "killed")]
    assert [path.parent.name for path in done[0]] == [path.parent.name for path in done[1]]
    assert len(done[0]) == 3
    for clean, killed in zip(*done, strict=True):
        ours, theirs = load_file(clean), load_file(killed)
        assert all(ours[name].equal(theirs[name]) for name in ours), clean.parent.name


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_worker_that_is_stopped_gives_its_point_back(tmp_path):
    first = worker(tmp_path)
    wait_for(tmp_path / "points/001/checkpoints")
    first.send_signal(signal.SIGINT)
    text, _ = first.communicate(timeout=60)
    assert first.returncode == 130, text
    assert "waiting" in ended(worker(tmp_path, "--status"), code=0)


@pytest.fixture
def server(tmp_path):
    """A PostgreSQL server of its own, on a socket in a folder of its own."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    known = [shutil.which("initdb"), *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    found = [one for one in known if one]
    if not found:
        pytest.skip("no PostgreSQL server is installed")
    binaries = Path(found[-1]).parent
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    become = ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []  # a server refuses to run as root
    home = Path(subprocess.check_output([*become, "mktemp", "-d"], text=True, cwd="/").strip())

    def run(name, *arguments):
        subprocess.run([*become, str(binaries / name), *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL)

    run("initdb", "-D", f"{home}/data", "-U", "sweeper", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
    run("pg_ctl", "-D", f"{home}/data", "-o", options, "-l", f"{home}/log", "-w", "start")
    if become:
        home.chmod(0o755)
    yield f"postgresql+psycopg://sweeper@/postgres?host={home}"
    run("pg_ctl", "-D", f"{home}/data", "-m", "immediate", "stop")
    shutil.rmtree(home)


def test_workers_with_folders_of_their_own_share_a_database(tmp_path, server):
    first, second = (worker(tmp_path / name, "--storage", server) for name in ("one", "two"))
    texts = ended(first), ended(second)
    assert taken(*texts) == [1, 2, 3, 4]
    assert all("3 done, 1 refused" in text for text in texts), texts


def test_without_optuna_what_to_install_is_told(tmp_path):
    hide = "import sys; sys.modules['optuna'] = None; from zerokd.cli import main; main()"
    command = [sys.executable, "-c", hide, "sweep", str(RECIPES / "paper.toml"), *GRID]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'zerokd[sweep]'" in done.stderr
    assert "Traceback" not in done.stderr
