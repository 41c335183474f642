"""What leaves a run, against students of runs that end where it is taken from."""

import json
import os
import signal
from functools import partial

import pytest
import torch
from rich.console import Console

from tests.run.test_kill import dying, dying_at, forked, run
from zerokd.errors import NumericError
from zerokd.files.weights import read_weights
from zerokd.measure.student_metrics import MetricResult
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe
from zerokd.run import checkpointer
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.measurement import describe_export
from zerokd.run.plan import NONE_HELD_OUT, RunPlan, prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute

TEXT = """
name = "tiny"
run = ["fit"]
threads = 1
checkpoint_seconds = 0.0
{top}
[data]
use = "dead_leaves"
count = 6
size = 24
held_out = {held_out}
[models.student]
use = "nano_dce"
[models.ema]
average_of = "student"
decay = 0.5
[stages.fit]
use = "self_supervised"
objective = "task"
epochs = {epochs}
[stages.fit.optimizer]
learning_rate = {{ use = "constant", value = 0.01 }}
[terms.task.color]
use = "color_constancy"
[terms.task.exposure]
use = "exposure_control"
patch = 8
[metrics.truth]
use = "psnr"
on = {{ target = "reference" }}
{tables}
"""
BEST = '[best]\nmetric = "truth"\npatience = {patience}\n'
EVERY = "measure_every = 1\n"


def prepare(top="", tables="", epochs=6, held_out=0.2):
    text = TEXT.format(top=top, tables=tables, epochs=epochs, held_out=held_out)
    recipe, components = check_recipe(read_recipe(text), discover_plugins())
    threads = torch.get_num_threads()
    plan = prepare_run(components, torch.device("cpu"))
    torch.set_num_threads(threads)
    return plan, recipe.model_dump(mode="json", exclude_none=True)


def finish(plan, path):
    folder = RunFolder(path)
    (folder.path / "samples").mkdir(parents=True)
    with open(os.devnull, "w") as devnull:
        execute(plan[0], folder, plan[1], build_manifest(plan[0]), Progress(Console(file=devnull)))
    return folder


def student(folder):
    return read_weights(folder.student)[0]


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def lines(folder, kind):
    return [line for line in map(json.loads, folder.metrics.read_text().splitlines()) if line["kind"] == kind]


@pytest.fixture
def script(monkeypatch):
    """Have the metric return these values, one at each measurement; afterwards 0."""

    def script(*values):
        rest = iter(values)

        def evaluate(self):
            value = next(rest, 0.0)
            return {"truth": MetricResult(1, value, "" if value is not None else "broken")}

        monkeypatch.setattr(RunPlan, "evaluate_metrics", evaluate)

    return script


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    return student(finish(prepare(epochs=2), tmp_path_factory.mktemp("two") / "run"))


def test_measuring_changes_nothing_and_is_logged(tmp_path):
    plain = finish(prepare(epochs=5), tmp_path / "plain")
    measured = finish(prepare("measure_every = 2\n", epochs=5), tmp_path / "measured")
    assert equal(student(plain), student(measured))
    during = [line for line in lines(measured, "metric") if "step" in line]
    assert [(line["epoch"], line["step"], line["name"]) for line in during] == [
        (1, 4, "truth"),
        (3, 8, "truth"),
        (4, 10, "truth"),  # the last epoch always is
    ]
    after = [line for line in lines(measured, "metric") if "step" not in line]
    assert during[-1]["value"] == after[0]["value"]
    assert "selection" not in json.loads(plain.manifest.read_text())["stages"][0]


def test_the_best_student_is_that_of_a_run_which_ends_there(tmp_path, script, two_epochs):
    plan = prepare(f'export = "best"\n{EVERY}', BEST.format(patience=0))
    script(1.0, 3.0, 2.0, 3.0, 1.0, 1.0)
    folder = finish(plan, tmp_path / "run")
    assert equal(student(folder), two_epochs)
    manifest = json.loads(folder.manifest.read_text())
    assert manifest["stages"][0]["exported"] == {"export": "best", "metric": "truth", "value": 3.0, "best_step": 4}
    assert manifest["selection"]["export"] == "best"
    assert len(lines(folder, "step")) == 12


def test_a_stage_ends_early_when_its_patience_does(tmp_path, script, two_epochs):
    plan = prepare(f'export = "best"\n{EVERY}', BEST.format(patience=2))
    script(1.0, 3.0, 2.0, 2.5)
    folder = finish(plan, tmp_path / "run")
    assert equal(student(folder), two_epochs)
    assert len(lines(folder, "step")) == 8
    assert len(lines(folder, "epoch")) == 4
    assert json.loads(folder.manifest.read_text())["stages"][0]["exported"]["ended_at_step"] == 8


def test_without_export_the_student_of_the_last_step_leaves_a_stage_that_ended_early(tmp_path, script, two_epochs):
    plan = prepare(EVERY, BEST.format(patience=1))
    script(1.0, 0.5)
    folder = finish(plan, tmp_path / "run")
    assert equal(student(folder), two_epochs)
    assert json.loads(folder.manifest.read_text())["stages"][0]["exported"]["best_step"] == 2


def test_the_average_is_that_of_all_steps(tmp_path):
    plan = prepare('export = "average"\n', epochs=2)
    decay = plan[0].components.averages["ema"].decay
    average = {name: tensor.clone() for name, tensor in plan[0].components.student.state_dict().items()}
    seen = []
    real = checkpointer.Checkpointer.after_step

    def watched(self, state, step_log):
        raw = state.network.state_dict()
        for name, tensor in average.items():
            tensor.lerp_(raw[name], 1 - decay)
        seen.append({name: tensor.clone() for name, tensor in raw.items()})
        real(self, state, step_log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpointer.Checkpointer, "after_step", watched)
        folder = finish(plan, tmp_path / "run")
    exported = student(folder)
    assert len(seen) == 4
    assert all(torch.allclose(exported[name], average[name], atol=1e-7) for name in average)
    assert not equal(exported, seen[-1])


def test_a_metric_that_always_fails_leaves_no_best_student(tmp_path, script):
    plan = prepare(f'export = "best"\n{EVERY}', BEST.format(patience=0), epochs=2)
    script(None, None)
    with pytest.raises(NumericError, match="the metric 'truth' failed at every measurement"):
        finish(plan, tmp_path / "run")
    assert [line["fault"] for line in lines(RunFolder(tmp_path / "run"), "metric")] == ["broken", "broken"]


@pytest.mark.parametrize("patience", [0, 2])
def test_a_killed_run_exports_the_same_student(tmp_path, script, patience, two_epochs):
    plan = prepare(f'export = "best"\n{EVERY}', BEST.format(patience=patience), epochs=5)
    values = (1.0, 3.0, 2.0, 2.5, 2.0)
    folder = RunFolder(tmp_path / "killed")
    (folder.path / "samples").mkdir(parents=True)
    killed = partial(dying_at, checkpointer.Checkpointer, "after_step")
    script(*values)
    assert forked(partial(dying, lambda _: killed(4, True), None, plan, folder)) == -signal.SIGKILL
    script(*values[2:])  # two of the values are in the checkpoint
    assert forked(partial(dying, lambda _: killed(4, True), None, plan, folder)) == -signal.SIGKILL
    script(*values[4:])  # with patience 2, the stage had ended before
    assert forked(partial(run, plan, folder)) == 0
    assert equal(student(folder), two_epochs)
    assert len(lines(folder, "step")) == (8 if patience else 10)


def test_a_choice_on_training_images_is_a_caution():
    plan, _ = prepare(EVERY, BEST.format(patience=1), held_out=0.0)
    assert NONE_HELD_OUT in plan.components.cautions
    assert NONE_HELD_OUT not in prepare(EVERY, BEST.format(patience=1))[0].components.cautions


def test_an_export_in_words():
    assert describe_export({"export": "student"}) == ""
    assert describe_export({"export": "average"}) == "exported: the average of the student"
    record = {"export": "best", "metric": "truth", "value": 3.0, "best_step": 4, "ended_at_step": 8}
    text = "exported: the best student; best truth 3 at step 4; the stage ended early, after step 8"
    assert describe_export(record) == text
