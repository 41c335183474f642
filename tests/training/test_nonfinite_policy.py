"""Steps that are not finite are left out as often as was asked for, and no more."""

import json
import pickle

import pytest
import torch
from rich.console import Console

from zerokd.errors import NumericError, Place
from zerokd.plugin.batch import Batch
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute
from zerokd.training.nonfinite import NonFiniteStep, NotFiniteError
from zerokd.training.nonfinite_policy import NonFinitePolicy

FAILURE = NonFiniteStep("pretrain", 1, 0, Batch({"low": torch.zeros(1, 3, 8, 8)}, ("a",)), {})


def test_none_may_be_left_out_by_default():
    with pytest.raises(NotFiniteError) as caught:
        NonFinitePolicy(0).skip_step(FAILURE)
    assert caught.value.with_place(Place("a.toml")).failure is FAILURE
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.failure.step, copy.problems) == (FAILURE.step, caught.value.problems)


def test_the_cap_holds():
    policy = NonFinitePolicy(2)
    policy.skip_step(FAILURE)
    policy.skip_step(FAILURE)
    assert policy.skipped_steps == 2
    with pytest.raises(NotFiniteError):
        policy.skip_step(FAILURE)


def poisoned(build, *settings, steps):
    """A plan whose smoothness is NaN at some of its first stage's steps, counted from 1."""
    plan = prepare_run(build("stages.pretrain.epochs=3", *settings), torch.device("cpu"))
    loss, calls = plan.objectives[0].losses["pretraining/smoothness"], []
    real = loss.forward

    def forward(**ports):
        if not torch.is_grad_enabled():
            return real(**ports)
        calls.append(ports)
        return real(**ports) * (float("nan") if len(calls) in steps else 1.0)

    loss.forward = forward
    return plan


def run(plan, path):
    folder, console = RunFolder.create("paper", path), Console(record=True, width=300)
    execute(plan, folder, {}, build_manifest(plan), Progress(console))
    return folder, console.export_text()


def test_a_step_that_is_left_out_changes_nothing_is_said_and_is_written(build, tmp_path, capsys):
    plan = poisoned(build, 'on_nonfinite="skip"', "stages.distill.batch=4", steps=[2])
    folder, output = run(plan, tmp_path / "run")
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    (skipped,) = [line for line in lines if line["kind"] == "skipped"]
    assert (skipped["stage"], skipped["step"]) == ("pretrain", 2)
    assert skipped["terms"] == [{"name": "pretraining.smoothness", "what": "values", "images": skipped["images"]}]
    steps = [line["step"] for line in lines if line["kind"] == "step" and line["stage"] == "pretrain"]
    assert 2 not in steps
    assert len(steps) == plan.components.stages[0].clock.steps - 1
    assert json.loads(folder.manifest.read_text())["result"]["skipped_steps"] == 1
    assert "pretrain: SKIPPED step 2, not finite: pretraining.smoothness" in output
    assert all(torch.isfinite(parameter).all() for parameter in plan.components.student.parameters())
    assert not folder.failure.exists()


def test_beyond_the_cap_the_run_ends(build, tmp_path, capsys):
    plan = poisoned(build, 'on_nonfinite="skip"', "skip_at_most=1", steps=[1, 2])
    with pytest.raises(NumericError, match="step 2: training stopped being finite"):
        run(plan, tmp_path / "run")
    assert (tmp_path / "run/failure/report.json").exists()
