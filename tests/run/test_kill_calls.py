"""A run that is killed at any system call that changes a file ends in the bytes of a run that was not, without litter.

``run``, ``resume``, the report, the disk cache, the engine cache and scratch folders: one uninterrupted process lists
the calls; then one process dies at each of them (here a fifth, ``ZEROKD_KILL_SHARE=1`` for all), a second one dies at a
call of its own, and a third one ends the run. Processes are forked from one that has checked the recipe.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

from tests.run.kill_at_call import arm, calls, compile_shim
from zerokd.exporters.c_library import find_compiler

SHARE = float(os.environ.get("ZEROKD_KILL_SHARE", "0.2"))
SETTINGS = (
    "data.size=24",
    "data.count=5",
    "data.held_out=0.2",
    "threads=1",
    "stages.pretrain.epochs=1",
    "stages.distill.epochs=2",
    "stages.distill.batch=4",
    'terms.distillation.perceptual.weights="random"',
    "checkpoint_seconds=0.0",
    'speed.cache="disk"',
)
VARYING = ("manifest.json", "report.html")  # they hold the time and every resumption
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or find_compiler() is None, reason="LD_PRELOAD and a C compiler"
)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What the driver below printed."""
    root = tmp_path_factory.mktemp("kills")
    compile_shim(find_compiler(), root / "shim.so")
    environment = {**os.environ, "LD_PRELOAD": str(root / "shim.so"), "ZEROKD_PLUGINS": ""}
    command = [sys.executable, "-m", "tests.run.test_kill_calls", str(root)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_all_kinds_of_calls_are_there(outcome):
    letters = outcome["calls"]
    assert {letter for letter in "owfrumd" if letter in letters} == set("owfrumd")
    assert len(letters) > 100


def test_wherever_it_is_killed_the_run_ends_in_the_same_bytes_without_litter(outcome):
    assert len(outcome["trials"]) >= len(outcome["calls"]) * SHARE
    assert [trial for trial in outcome["trials"] if trial["differs"]] == []


class Driver:
    """Forks the processes of the trials from one that has prepared the run."""

    def __init__(self, root):
        import torch

        from zerokd.pages.report import try_write_report
        from zerokd.plugin.discovery import discover_plugins
        from zerokd.recipe.build.overrides import apply_options
        from zerokd.recipe.build.static_checks import check_recipe
        from zerokd.recipe.toml.extends import read_recipe_document
        from zerokd.run import launch
        from zerokd.run.plan import prepare_run

        self.root, self.launch, self.write_report = root, launch, try_write_report
        os.environ["ZEROKD_CACHE"] = str(root / "unused")
        self.catalogue = discover_plugins()
        recipe = read_recipe_document(Path(__file__).parents[2] / "recipes/paper.toml")
        self.document = apply_options(recipe, settings=SETTINGS)
        checked = check_recipe(self.document, self.catalogue)
        plan = prepare_run(checked[1], torch.device("cpu"))
        launch.check_recipe = lambda document, catalogue: checked
        launch.prepare_run = lambda components, device: plan
        self.plan = plan

    def process(self, folder, number):
        """Fork a process that does all of its work or dies at its call of that number; what it returned."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reader)
                tempfile.tempdir = str(folder / "tmp")
                os.environ["ZEROKD_CACHE"] = str(folder / "cache")
                arm(folder, number)
                self.work(folder)
                os.write(writer, calls().encode())
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        os.close(writer)
        text = b"".join(iter(lambda: os.read(reader, 65536), b""))
        os.close(reader)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text.decode()

    def work(self, folder):
        """``zerokd resume`` where there is a recipe, else ``zerokd run --resume``; then report and engine cache."""
        from rich.console import Console

        from zerokd.files.scratch import scratch_folder
        from zerokd.run.progress import Progress
        from zerokd.student.enhance.engine_cache import load_or_build
        from zerokd.training.frozen_cache.on_disk import DiskStore

        for accumulator in self.plan.accumulators:  # as in a process that has prepared the run itself
            if store := accumulator.frozen_cache.store:
                accumulator.frozen_cache.store = DiskStore(folder / "cache/targets", store.fingerprint, store.max_bytes)
        run, progress = folder / "run", Progress(Console(quiet=True))
        if (run / "recipe.toml").exists() and len(os.listdir(run)) % 2:
            self.launch.resume_run(run, self.catalogue, None, progress)
        else:
            self.launch.run_recipe(self.document, self.catalogue, "cpu", run, True, progress)
        assert self.write_report(run).startswith("report: ")
        with scratch_folder() as scratch:
            (scratch / "file").write_text("x")
        load_or_build(run / "student.safetensors", "", ".so", lambda path: path.write_bytes(b"x" * 99), Path.read_bytes)

    def trial(self, number, whole, draw):
        """Kill a process at a call, another one at a call of its own, and let a third one end the run."""
        folder = self.new_folder(f"trial-{number}")
        statuses = [self.process(folder, point)[0] for point in (number, draw.randint(1, 60), 0)]
        expected = [statuses[0], statuses[2]] == [-signal.SIGKILL, 0]
        differing = sorted(
            path for path in {*whole, *contents(folder)} if whole.get(path) != contents(folder).get(path)
        )
        return {"call": number, "differs": differing if expected else [f"exit codes {statuses}", *differing]}

    def new_folder(self, name):
        folder = self.root / name
        (folder / "tmp").mkdir(parents=True)
        return folder

    def main(self):
        whole = self.new_folder("whole")
        code, letters = self.process(whole, 0)
        assert code == 0
        draw = random.Random(20)
        numbers = sorted(draw.sample(range(1, len(letters) + 1), round(len(letters) * SHARE + 0.5)))
        trials = [self.trial(number, contents(whole), draw) for number in numbers]
        for trial in trials:
            trial["calls"] = letters[max(0, trial["call"] - 8) : trial["call"]]
        print(json.dumps({"calls": letters, "trials": trials}))


def contents(folder):
    """Every file below a folder, hidden ones included, with its bytes where they are the same in every run."""
    return {
        str(path.relative_to(folder)): "" if path.is_dir() or path.name in VARYING else path.read_bytes().hex()
        for path in sorted(folder.rglob("*"))
    }


if __name__ == "__main__":
    Driver(Path(sys.argv[1])).main()
