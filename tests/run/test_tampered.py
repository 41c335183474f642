"""A run folder that somebody has changed: whatever its records hold, resume and report work, or end in exit code 3 or 5
with the name of the file."""

import json
import shutil

import pytest
import torch
from rich.console import Console

from tests.conftest import RECIPES
from tests.mutated_records import DEEP, HUGE, exit_code, mutations
from zerokd.errors import RunFolderError, WeightsError
from zerokd.files.sealed import read_sealed, write_sealed
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run import checkpointer, launch
from zerokd.run.folder import RunFolder
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress

SETTINGS = ("data.size=24", "data.count=6", "threads=1", 'terms.distillation.perceptual.weights="random"')
CATALOGUE = discover_plugins()
VERY_DEEP = "[" * 200_000


class Killed(BaseException):
    """The end of a process, simulated."""


@pytest.fixture(scope="module")
def checked():
    document = apply_options(read_recipe_document(RECIPES / "paper.toml"), settings=(*SETTINGS, "checkpoint_seconds=0"))
    return document, check_recipe(document, CATALOGUE)


@pytest.fixture(scope="module", autouse=True)
def prepared(checked):
    """The recipe is checked and proven once; the plan of a run that fails before its first step serves the next."""
    plan = prepare_run(checked[1][1], torch.device("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "check_recipe", lambda document, catalogue: checked[1])
        patch.setattr(launch, "prepare_run", lambda components, device: plan)
        yield


@pytest.fixture(scope="module")
def stopped(checked, prepared, tmp_path_factory):
    """A run that was killed in its second stage."""
    folder, real = tmp_path_factory.mktemp("stopped") / "run", checkpointer.Checkpointer.after_step

    def after_step(self, state, step_log):
        real(self, state, step_log)
        if state.is_last:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpointer.Checkpointer, "after_step", after_step)
        with pytest.raises(Killed):
            launch.run_recipe(checked[0], CATALOGUE, "cpu", folder, False, Progress(Console(quiet=True)))
    return folder


@pytest.fixture
def run(stopped, tmp_path):
    """A copy of it that a test may change."""
    return RunFolder(shutil.copytree(stopped, tmp_path / "run"))


def resume(folder):
    launch.resume_run(folder.path, CATALOGUE, None, Progress(Console(quiet=True)))


TAMPERED = {
    "resumed": ('"resumed": []', '"resumed": 5'),
    "device": ('"device": "cpu"', '"device": ""'),
    "spaces": ('"device": "cpu"', '"device": "  "'),
    "deep": ('"seed": 0', f'"seed": 0, "x": {DEEP}'),
    "very deep": ('"seed": 0', f'"seed": 0, "x": {VERY_DEEP}'),
    "digits": ('"seed": 0', f'"seed": 0, "x": {HUGE}'),
    "stages": ('"stages": [', '"stages": 5, "others": ['),
}


@pytest.mark.parametrize(("old", "new"), TAMPERED.values(), ids=TAMPERED)
def test_a_manifest_that_was_changed_is_named(run, old, new):
    text = run.manifest.read_text()
    assert old in text
    run.manifest.write_text(text.replace(old, new, 1))
    with pytest.raises(RunFolderError, match=r"manifest\.json is damaged or incomplete"):
        resume(run)


def test_no_manifest_ends_resume_in_anything_else(run, monkeypatch):
    monkeypatch.setattr(launch, "execute", lambda *arguments: None)
    record, outcomes = json.loads(run.manifest.read_text()), []
    monkeypatch.setattr(launch, "build_manifest", lambda plan: json.loads(json.dumps(record)))
    for text in mutations(record, 150, 1):
        run.manifest.write_text(text)
        outcomes.append(exit_code(lambda: resume(run)))
    assert set(outcomes) == {0, 3, 5}


@pytest.mark.parametrize("text", ["garbage", VERY_DEEP, r'{"kind": "step", "stage": "\ud800"}', "\0" * 99, "{}"])
def test_a_log_that_was_changed_is_named(run, text):
    run.metrics.write_text(f"{text}\n{run.metrics.read_text()}")
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl' is damaged: line 1"):
        resume(run)


METADATA = {
    "no stage": lambda data: data.pop("stage"),
    "nothing done": lambda data: data.pop("done"),
    "done is a list": lambda data: data.update(done=[]),
    "done is deep": lambda data: data.update(done={"pretrain": {"capacity": 5}}),
    "no stage of the run": lambda data: data.update(stage="other"),
    "a stage too many": lambda data: data.update(done={}),
    "step is text": lambda data: data.update(step="3"),
    "step is large": lambda data: data.update(step=10**9),
    "step is negative": lambda data: data.update(step=-1),
    "no bytes": lambda data: data.pop("metrics"),
    "seconds": lambda data: data.update(seconds=None),
}


@pytest.mark.parametrize("change", METADATA.values(), ids=METADATA)
def test_a_checkpoint_with_another_record_is_refused(run, change):
    for path in run.checkpoints.iterdir():
        tensors, metadata = read_sealed(path)
        change(metadata)
        write_sealed(path, tensors, metadata)
    with pytest.raises(WeightsError, match="checkpoint") as caught:
        resume(run)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("change", ["missing", "shape", "nothing"])
def test_a_checkpoint_with_other_tensors_is_refused(run, change):
    for path in run.checkpoints.iterdir():
        tensors, metadata = read_sealed(path)
        name = next(key for key in tensors if key.startswith("student/"))
        changed = {"missing": {}, "shape": {name: torch.zeros(7)}, "nothing": {}}[change]
        kept = {key: value for key, value in tensors.items() if key != name and change != "nothing"}
        write_sealed(path, kept | changed, metadata)
    with pytest.raises(WeightsError, match="is not one of this run"):
        resume(run)
