"""A run by two processes is that of one: the same student within rounding, the same folder, the same answers."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import safetensors.torch
import torch
from attrs import evolve

import zerokd
from tests import command
from tests.conftest import RECIPES, TINY
from tests.weighting import SETTING, write_plugin
from zerokd.errors import RecipeError
from zerokd.files.digest import file_sha256
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options_and_validate
from zerokd.recipe.build.resolver import resolve_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.data_parallel import parallelize_plan
from zerokd.run.plan import prepare_run
from zerokd.training.device import choose_device
from zerokd.training.process_group import ProcessGroup

SETTINGS = (*TINY, "data.count=12", "stages.pretrain.epochs=4", "stages.distill.epochs=18", "diagnose_every=7")
AGGREGATED = "stages.distill.aggregate.use=sum"


def start(*words, processes=2):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    program = [sys.executable, *(torchrun if processes > 1 else []), "-m", "zerokd", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(program, **pipes, start_new_session=True)


def start_run(out, *settings):
    options = [word for setting in (*SETTINGS, *settings) for word in ("--set", setting)]
    return start("run", str(RECIPES / "paper.toml"), *options, "--out", str(out))


def run(out, *settings, processes=2, recipe="paper.toml", plugin=()):
    """Run a recipe in processes with the environment that torchrun gives them, and return what they printed."""
    options = [word for setting in (*SETTINGS, *settings) for word in ("--set", setting)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    running = []
    for rank in range(processes):
        environment = os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        words = ("run", RECIPES / recipe, *options, *plugin, "--out", out)
        running.append(command.start(*words, env=environment, merged=True))
    texts = [process.communicate(200)[0] for process in running]
    assert [process.returncode for process in running] == [0] * processes, texts
    return "".join(texts)


def finish(process):
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 0, text
    return text


def tensors(folder):
    return safetensors.torch.load_file(folder / "student.safetensors")


def max_difference(first, second):
    ours, theirs = tensors(first), tensors(second)
    return max((ours[name] - theirs[name]).abs().max().item() for name in ours)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "run"
    run(folder, processes=1)
    return folder


def test_two_processes_train_what_one_does_and_again_to_the_bit(alone, tmp_path):
    text = run(tmp_path / "two")
    run(tmp_path / "again")
    assert max_difference(alone, tmp_path / "two") <= 1e-6
    assert file_sha256(tmp_path / "two/student.safetensors") == file_sha256(tmp_path / "again/student.safetensors")
    assert files(tmp_path / "two") == files(alone)
    assert text.count("recipe paper, seed 0") == 1  # only the leader prints
    assert json.loads((tmp_path / "two/manifest.json").read_text())["processes"] == 2
    pairs = zip(
        *((folder / "metrics.jsonl").read_text().splitlines() for folder in (alone, tmp_path / "two")), strict=True
    )
    for ours, theirs in ((json.loads(a), json.loads(b)) for a, b in pairs):
        assert ours.keys() == theirs.keys()
        if ours["kind"] == "step":
            for label, term in ours["terms"].items():
                assert theirs["terms"][label]["value"] == pytest.approx(term["value"], rel=1e-4, abs=1e-7)
        if ours["kind"] == "gradients":
            shares = [{label: term["share"] for label, term in line["terms"].items()} for line in (ours, theirs)]
            assert shares[0] == pytest.approx(shares[1], abs=1e-3)


def test_three_processes_and_a_batch_that_they_do_not_divide(tmp_path):
    settings = ("data.count=9", "stages.pretrain.epochs=1", "stages.distill.epochs=3", AGGREGATED)
    run(tmp_path / "three", *settings, processes=3)
    run(tmp_path / "one", *settings, processes=1)
    assert max_difference(tmp_path / "one", tmp_path / "three") <= 1e-6


def test_a_weighting_has_the_values_of_the_whole_batch_and_its_state_goes_on(tmp_path):
    plugin = ("--plugin", str(write_plugin(tmp_path)))
    factors = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        run(folder, SETTING, processes=processes, plugin=plugin)
        factors.append([step for step in zerokd.Run(folder, [plugin[1]]).steps if step["stage"] == "distill"])
    for alone, parallel in zip(*factors, strict=True):
        names = [name for name in alone if name.endswith(".factor")]
        assert names
        assert [alone[name] for name in names] == pytest.approx([parallel[name] for name in names], rel=1e-4)
    assert max_difference(tmp_path / "1", tmp_path / "2") <= 1e-5


def children(process):
    pgrep = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in pgrep.stdout.split()]


def rank_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return int(re.search(rb"\0RANK=(\d+)", file.read())[1])


def start_and_wait_for_checkpoint(out, *settings):
    process = start_run(out, "stages.distill.epochs=60", "checkpoint_seconds=0.0", *settings)
    for _ in range(600):
        if (out / "checkpoints").exists() and any((out / "checkpoints").iterdir()):
            return process
        time.sleep(0.1)
    raise AssertionError(process.communicate()[0])


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="finds processes by /proc")
def test_a_lost_process_ends_the_run_by_name_and_what_was_kept_goes_on_alone(tmp_path):
    process = start_and_wait_for_checkpoint(tmp_path / "run")
    lost = next(pid for pid in children(process) if rank_of(pid) == 1)
    os.kill(lost, signal.SIGKILL)
    text, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "a process of this run ended" in text
    assert "zerokd resume" in text
    output = finish(start("resume", str(tmp_path / "run"), processes=1))
    assert "changed since the run started: processes: was 2, is 1" in output
    assert "resuming after step" in output


def test_a_signal_to_all_stops_after_a_step_and_keeps_it(tmp_path):
    process = start_and_wait_for_checkpoint(tmp_path / "run")
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=100)
    assert "a checkpoint is saved" in text
    assert "was lost" not in text
    assert (tmp_path / "run/checkpoints").exists()


def test_a_mistake_is_told_once(tmp_path):
    text, _ = start_run(tmp_path / "run", "terms.task.color.weihgt=1").communicate(timeout=100)
    assert text.count("unknown key 'terms.task.color.weihgt'") == 1


class Normalised(zerokd.Model):
    """Depends on the whole batch."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3)

    def outputs(self):
        return {"enhanced": zerokd.Signal(range=(0.0, 1.0))}

    def forward(self, low):
        return {"enhanced": torch.sigmoid(self.norm(low))}


def test_a_student_that_sees_its_batch_is_not_shared_out():
    document, recipe = apply_options_and_validate(
        read_recipe_document(RECIPES / "fidelity.toml"), ["data.size=32", "data.count=6", "threads=1"]
    )
    plan = prepare_run(resolve_recipe(recipe, document, discover_plugins()), choose_device("cpu"))
    assert parallelize_plan(plan, ProcessGroup()) is plan
    plan = evolve(plan, components=evolve(plan.components, models={"student": Normalised()}))
    with pytest.raises(RecipeError, match="depends on the whole batch"):
        parallelize_plan(plan, ProcessGroup(0, 2))
