"""Observers see a run and cannot change it, whatever they do and however they fail."""

import io
import json

import pytest
from attrs import evolve
from rich.console import Console

from tests.conftest import RECIPES, TINY
from zerokd.files.digest import file_sha256
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run.folder import RunFolder
from zerokd.run.launch import run_recipe
from zerokd.run.observers import attach_observers
from zerokd.run.progress import Progress

OBSERVERS = """
import random, numpy, torch
from pydantic import Field
import zerokd
from zerokd import Observer, ObserverSpec, hookimpl

@hookimpl
def zerokd_observers():
    return [ObserverSpec(name, target=f"{__name__}:{name.title()}", summary="a test") for name in ("greedy", "bad")]

class Greedy(Observer):
    def __init__(self, **options):
        super().__init__(**options)
        torch.manual_seed(5)
    def run_start(self, folder, manifest):
        self.path = folder / "observers" / "seen.txt"
        self.path.write_text(manifest["recipe"] + "\\n")
        manifest.clear()
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
    def step_end(self, step):
        torch.manual_seed(1), numpy.random.seed(1), random.seed(1)
        torch.set_num_threads(2)
        torch.set_grad_enabled(False)
        with self.path.open("a") as file:
            file.write(f"{step['stage']} {step['step']} {'gradients' in step} {len(step['terms'])}\\n")
        step.clear()
    def run_end(self, result, error):
        with self.path.open("a") as file:
            file.write(f"{sorted(result)} {error}")
        result.clear()

class Bad(Observer):
    class Config(zerokd.Config):
        at: str = Field("step_end", description="when it fails")
        how: str = Field("SystemExit", description="as what")
    def fail(self, hook):
        if hook == self.config.at:
            raise {"SystemExit": SystemExit, "ValueError": ValueError}[self.config.how]("not today")
    def run_start(self, folder, manifest):
        self.fail("run_start")
    def step_end(self, step):
        self.fail("step_end")
    def run_end(self, result, error):
        self.fail("run_end")
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "watch.py").write_text(OBSERVERS)

    def run(name, *settings, observe=()):
        document = apply_options(read_recipe_document(RECIPES / "paper.toml"), [*TINY, *settings], observe=observe)
        console = Console(file=io.StringIO(), width=200)
        run_recipe(
            document, discover_plugins([tmp_path / "watch.py"]), "cpu", tmp_path / name, False, Progress(console)
        )
        return RunFolder(tmp_path / name), console.file.getvalue()

    return run


def test_a_run_is_the_same_to_the_byte_with_an_observer_that_touches_everything_it_can(run):
    settings = ("diagnose_every=2", "stages.distill.epochs=2")
    plain, _ = run("plain", *settings)
    watched, _ = run("watched", *settings, observe=["greedy"])
    assert file_sha256(plain.student) == file_sha256(watched.student)
    assert plain.metrics.read_bytes() == watched.metrics.read_bytes()
    assert "observers" not in json.loads(plain.manifest.read_text())
    assert not plain.observers.exists()
    manifest = json.loads(watched.manifest.read_text())
    about = manifest["observers"]["greedy"]
    assert (about["use"], about["seconds"] > 0, "failed" in about) == ("watch:greedy", True, False)
    assert manifest["result"]["student"]["parameters"] == 161
    seen = (watched.observers / "seen.txt").read_text().splitlines()
    assert seen[:4] == ["paper", "pretrain 1 False 3", "pretrain 2 True 3", "distill 1 False 14"]
    assert seen[-1] == "['capacity', 'fidelity', 'seconds', 'skipped_steps', 'student'] None"


@pytest.mark.parametrize("how", ["SystemExit", "ValueError"])
@pytest.mark.parametrize(
    ("at", "when"),
    [
        ("run_start", "at the start"),
        ("step_end", "at step 1 of stage 'pretrain'"),
        ("run_end", "at the end"),
    ],
)
def test_one_that_fails_is_told_of_once_and_the_run_goes_on(run, at, when, how):
    folder, output = run("run", f'observers.mine={{use="watch:bad", at="{at}", how="{how}"}}')
    failed = f"failed {when}: {how}: not today"
    assert output.count(f"observer 'mine' {failed}; it is disabled, the run continues") == 1
    assert output.count("it is disabled") == 1
    manifest = json.loads(folder.manifest.read_text())
    assert manifest["observers"]["mine"]["failed"] == failed
    assert folder.student.exists()


class CallLog:
    """Records its calls."""

    def __init__(self):
        self.calls = []

    def run_start(self, folder, manifest):
        self.calls.append("start")

    def run_end(self, result, error):
        self.calls.append((result, error))


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_whatever_ends_a_run_is_told_and_passed_on(build, tmp_path, error):
    noted = CallLog()
    components = build()
    provenance = components.provenance | {"observers.noted": {"use": "mine:noted"}}
    components = evolve(components, observers={"noted": noted}, provenance=provenance)
    manifest = {"recipe": "paper"}

    def interrupted():
        with attach_observers(components, RunFolder(tmp_path), manifest, print):
            manifest["result"] = {"half": "done"}
            raise error

    with pytest.raises(type(error)):
        interrupted()
    reason = f"{type(error).__name__}: {error}".rstrip(": ")
    assert noted.calls == ["start", (None, reason)]
    assert "result" not in json.loads((tmp_path / "manifest.json").read_text())


def test_a_keyboard_interrupt_in_an_observer_is_the_persons(build, tmp_path):
    class Interrupted(CallLog):
        def run_start(self, folder, manifest):
            raise KeyboardInterrupt

    components = build()
    provenance = components.provenance | {"observers.noted": {"use": "mine:noted"}}
    components = evolve(components, observers={"noted": Interrupted()}, provenance=provenance)
    with pytest.raises(KeyboardInterrupt), attach_observers(components, RunFolder(tmp_path), {}, print):
        pass
