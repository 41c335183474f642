"""A run that is killed at any moment and resumed ends with the student of a run that was never stopped.

Processes are forked from one that has checked the recipe already, so that a hundred of them take seconds.
"""

import os
import random
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.conftest import RECIPES
from zerokd.files.digest import file_sha256
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run import checkpointer, resume
from zerokd.run.folder import RunFolder
from zerokd.run.manifest import build_manifest
from zerokd.run.plan import prepare_run
from zerokd.run.progress import Progress
from zerokd.run.session import execute

SETTINGS = (
    "data.size=24",
    "data.count=6",
    "threads=1",
    "stages.pretrain.epochs=3",
    "stages.distill.epochs=4",
    'terms.distillation.perceptual.weights="random"',
    "checkpoint_seconds=0.0",
    "diagnose_every=3",
)
KILLS = 25  # in each of four tests


@pytest.fixture(scope="module")
def plan():
    document = apply_options(
        read_recipe_document(RECIPES / "paper.toml"), settings=SETTINGS, data=None, epochs=None, seed=None
    )
    recipe, components = check_recipe(document, discover_plugins())
    threads = torch.get_num_threads()
    yield prepare_run(components, torch.device("cpu")), recipe.model_dump(mode="json", exclude_none=True)
    torch.set_num_threads(threads)


def run(plan, folder):
    """What one process does: train from the last checkpoint as far as it gets."""
    loaded, damaged = resume.load_last_checkpoint(folder)
    assert not damaged
    with folder.lock(), open(os.devnull, "w") as devnull:
        execute(
            plan[0],
            folder,
            plan[1],
            build_manifest(plan[0]),
            Progress(Console(file=devnull)),
            resume.ResumePoint(loaded),
        )


def dying(point, draw, plan, folder):
    point(draw)
    run(plan, folder)


def forked(work):
    """The exit status of a process that does ``work``; it never comes back into the test."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("whole"))
    (folder.path / "samples").mkdir()
    assert forked(lambda: run(plan, folder)) == 0
    return folder


def names(folder):
    return sorted(path.name for path in folder.path.iterdir())


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at(module, name, count, after):
    """Replace a function by one that kills its process at the ``count``-th call, before or ``after`` it."""
    real, calls = getattr(module, name), []

    def replaced(*arguments, **options):
        calls.append(arguments)
        if len(calls) == count and not after:
            die()
        result = real(*arguments, **options)
        if len(calls) == count:
            die()
        return result

    setattr(module, name, replaced)


def half_written(count):
    """Kill the process in the middle of the ``count``-th checkpoint file."""
    real, calls = os.fsync, []

    def replaced(handle):
        path = Path(f"/proc/self/fd/{handle}").resolve()
        calls.append(path) if path.parent.name == "checkpoints" and path.name.startswith(".") else None
        if len(calls) == count:
            os.truncate(path, path.stat().st_size // 2)
            die()
        real(handle)

    os.fsync = replaced


POINTS = {
    "step": lambda draw: dying_at(checkpointer.Checkpointer, "after_step", draw.randint(1, 3), after=False),
    "half written": lambda draw: half_written(draw.randint(1, 3)),
    "rename": lambda draw: dying_at(os, "replace", draw.randint(2, 9), after=draw.random() < 0.5),
    "flush": lambda draw: dying_at(os, "fsync", draw.randint(1, 24), after=draw.random() < 0.5),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_student(plan, whole, tmp_path, point):
    draw, kills, runs = random.Random(point), 0, 0
    while kills < KILLS:
        folder = RunFolder(tmp_path / str(runs))
        (folder.path / "samples").mkdir(parents=True)
        part = partial(dying, POINTS[point], draw, plan, folder)
        while (status := forked(part)) == -signal.SIGKILL:
            kills, _ = kills + 1, draw.random()
        assert status == 0
        runs += 1
        assert file_sha256(folder.student) == file_sha256(whole.student)
        assert folder.metrics.read_bytes() == whole.metrics.read_bytes()
        assert names(folder) == names(whole)
    assert runs > 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_keeps_a_checkpoint_and_nothing_is_lost(plan, whole, tmp_path, number):
    from zerokd.errors import StoppedError

    for step in range(1, 11):
        folder = RunFolder(tmp_path / str(step))
        (folder.path / "samples").mkdir(parents=True)

        def stopped(step=step, folder=folder):
            real, calls = checkpointer.Checkpointer.after_step, []

            def signalled(self, *arguments):
                calls.append(arguments)
                if len(calls) == step:
                    os.kill(os.getpid(), number)
                real(self, *arguments)

            checkpointer.Checkpointer.after_step = signalled
            try:
                run(plan, folder)
            except StoppedError as error:
                os._exit(error.exit_code)

        assert forked(stopped) == 128 + number
        assert forked(lambda folder=folder: run(plan, folder)) == 0
        assert file_sha256(folder.student) == file_sha256(whole.student)
