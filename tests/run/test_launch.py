"""Starting and resuming a run, as one function each."""

import json

import pytest
import torch
from rich.console import Console

from tests.conftest import RECIPES, TINY
from zerokd.errors import OutOfMemoryError, RecipeError, RunFolderError
from zerokd.files.digest import file_sha256
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_options
from zerokd.recipe.toml.extends import read_recipe_document
from zerokd.run import checkpointer
from zerokd.run.folder import RunFolder
from zerokd.run.launch import dry_run, resume_run, run_recipe
from zerokd.run.progress import Progress
from zerokd.run.resume import require_same_recipe

SMALL = (*TINY, "stages.distill.epochs=2", "checkpoint_seconds=0.0")


def document(*more):
    return apply_options(
        read_recipe_document(RECIPES / "paper.toml"), settings=(*SMALL, *more), data=None, epochs=None, seed=None
    )


CATALOGUE = discover_plugins()


class Killed(BaseException):
    """The end of a process, simulated."""


@pytest.fixture
def screen():
    return Console(record=True, width=200)


@pytest.fixture
def killed(monkeypatch):
    """Ends the run after so many steps."""

    def killed(steps, call):
        remaining, real = iter(range(steps, -1, -1)), checkpointer.Checkpointer.after_step

        def after_step(self, *arguments):
            real(self, *arguments)
            if next(remaining) == 0:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(checkpointer.Checkpointer, "after_step", after_step)
            with pytest.raises(Killed):
                call()

    return killed


def test_go_on_by_folder_or_by_recipe_ends_with_the_same_student(tmp_path, monkeypatch, screen, killed, capsys):
    monkeypatch.chdir(tmp_path)
    progress = Progress(screen)
    run_recipe(document(), discover_plugins(), "cpu", tmp_path / "whole", False, progress)
    killed(2, lambda: run_recipe(document(), discover_plugins(), "cpu", tmp_path / "run", False, progress))
    resume_run(tmp_path / "run", discover_plugins(), None, progress)
    killed(1, lambda: run_recipe(document(), discover_plugins(), "cpu", None, True, progress))
    run_recipe(document(), discover_plugins(), "cpu", None, True, progress)
    (other,) = (tmp_path / "runs").iterdir()
    students = {file_sha256(RunFolder(path).student) for path in (tmp_path / "whole", tmp_path / "run", other)}
    assert len(students) == 1
    output = screen.export_text()
    assert output.count("resuming after step") == 2
    assert "no unfinished run of this recipe: starting a new one" in output
    manifest = json.loads((other / "manifest.json").read_text())
    assert [(resumption["stage"], resumption["differences"]) for resumption in manifest["resumed"]] == [
        ("pretrain", [])
    ]
    assert not (other / "checkpoints").exists()


def test_a_run_whose_memory_runs_out_says_so_and_goes_on(tmp_path, monkeypatch, screen, capsys):
    run_recipe(document(), discover_plugins(), "cpu", tmp_path / "whole", False, Progress(screen))
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    real, steps = checkpointer.Checkpointer.after_step, iter([None, None, full])

    def after_step(self, *arguments):
        real(self, *arguments)
        if error := next(steps):
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(checkpointer.Checkpointer, "after_step", after_step)
        with pytest.raises(
            OutOfMemoryError, match=r"stage '\w+': memory ran out, 2\.00 GiB more were needed"
        ) as caught:
            run_recipe(document(), discover_plugins(), "cpu", tmp_path / "run", False, Progress(screen))
    assert caught.value.exit_code == 5
    resume_run(tmp_path / "run", discover_plugins(), None, Progress(screen))
    assert len({file_sha256(RunFolder(tmp_path / name).student) for name in ("whole", "run")}) == 1


def test_a_finished_run_is_left_alone(tmp_path, screen, capsys):
    run_recipe(document(), discover_plugins(), "cpu", tmp_path / "run", False, Progress(screen))
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    resume_run(tmp_path / "run", discover_plugins(), None, Progress(screen))
    run_recipe(document(), discover_plugins(), "cpu", tmp_path / "run", True, Progress(screen))
    assert screen.export_text().count("is already finished") == 2
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_another_recipe_is_not_taken_for_the_runs_own(tmp_path, screen, killed, capsys):
    killed(1, lambda: run_recipe(document(), discover_plugins(), "cpu", tmp_path / "run", False, Progress(screen)))
    with pytest.raises(RecipeError, match=r"params\.alpha: was 0\.35, is 0\.3"):
        run_recipe(document("params.alpha=0.3"), discover_plugins(), "cpu", tmp_path / "run", True, Progress(screen))


def test_two_cannot_go_on_with_one_folder(tmp_path, screen, killed, capsys):
    killed(1, lambda: run_recipe(document(), discover_plugins(), "cpu", tmp_path / "run", False, Progress(screen)))
    with RunFolder(tmp_path / "run").lock(), pytest.raises(RunFolderError, match="another run is using") as caught:
        resume_run(tmp_path / "run", discover_plugins(), None, Progress(screen))
    assert caught.value.exit_code == 5


def test_metrics_that_were_cut_are_seen(tmp_path, screen, killed, capsys):
    killed(1, lambda: run_recipe(document(), discover_plugins(), "cpu", tmp_path / "run", False, Progress(screen)))
    (tmp_path / "run/metrics.jsonl").write_text("")
    with pytest.raises(RunFolderError, match=r"it had .* when the checkpoint was saved"):
        resume_run(tmp_path / "run", discover_plugins(), None, Progress(screen))


def test_a_dry_run_writes_nothing(tmp_path, monkeypatch, screen, capsys):
    monkeypatch.chdir(tmp_path)
    dry_run(document(), discover_plugins(), "cpu", Progress(screen))
    assert "every term trains the student; dry run: nothing trained, nothing written" in screen.export_text()
    assert not list(tmp_path.iterdir())


STATEFUL = '''
import torch, zerokd

class Moving(zerokd.Loss):
    """Weighs each step by a number that it has drawn itself, and by how often it was asked."""

    ports = {"enhanced": zerokd.Port("the image", grad=True, default="student.enhanced")}

    def __init__(self, **options):
        super().__init__(**options)
        self.register_buffer("asked", torch.zeros(()))

    def forward(self, *, enhanced):
        if torch.is_grad_enabled():
            self.asked += 1
        return (1 + torch.rand(()) + self.asked) * enhanced.mean(dim=(1, 2, 3))

@zerokd.hookimpl
def zerokd_losses():
    return [zerokd.LossSpec("moving", target=f"{__name__}:Moving", summary="a test")]
'''


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_what_a_loss_remembers_and_what_it_draws_go_on_too(tmp_path, screen, killed, capsys, steps):
    (tmp_path / "moving.py").write_text(STATEFUL)
    recipe = document('terms.task.moving={use="moving", weight=0.1}')

    def begin(folder):
        run_recipe(
            recipe, discover_plugins([tmp_path / "moving.py"]), "cpu", tmp_path / folder, False, Progress(screen)
        )

    begin("whole")
    killed(steps, lambda: begin("run"))
    resume_run(tmp_path / "run", discover_plugins([tmp_path / "moving.py"]), None, Progress(screen))
    assert file_sha256(RunFolder(tmp_path / "run").student) == file_sha256(RunFolder(tmp_path / "whole").student)


REMEMBERING = """
import torch
from zerokd import Aggregator, AggregatorSpec, hookimpl

@hookimpl
def zerokd_aggregators():
    return [AggregatorSpec("slow", target=__name__ + ":Slow", summary="a test")]

class Slow(Aggregator):
    def __init__(self, **options):
        super().__init__(**options)
        self.register_buffer("share", torch.ones(()))

    def forward(self, gradients):
        self.share.mul_(0.8)
        weights = self.share + torch.rand(len(gradients), 1)
        return (weights * gradients).sum(dim=0)
"""


def test_what_an_aggregator_remembers_and_draws_goes_on_too(tmp_path, screen, killed, capsys):
    (tmp_path / "slow.py").write_text(REMEMBERING)
    catalogue = discover_plugins([tmp_path / "slow.py"])
    recipe = document('stages.distill.aggregate={use="slow"}', 'metrics.m={use="psnr", on={target="low"}}')
    run_recipe(recipe, catalogue, "cpu", tmp_path / "whole", False, Progress(screen))
    killed(4, lambda: run_recipe(recipe, catalogue, "cpu", tmp_path / "run", False, Progress(screen)))
    resume_run(tmp_path / "run", catalogue, None, Progress(screen))
    whole, run = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "run")
    assert file_sha256(run.student) == file_sha256(whole.student)
    assert run.metrics.read_text() == whole.metrics.read_text()
    results = [json.loads(folder.manifest.read_text())["result"]["metrics"] for folder in (run, whole)]
    assert results[0] == results[1]


def test_a_plugin_that_is_not_given_again_is_asked_for(tmp_path, monkeypatch, screen, killed, capsys):
    (tmp_path / "moving.py").write_text(STATEFUL)
    recipe = document('terms.task.moving={use="moving", weight=0.1}')
    monkeypatch.setattr("sys.argv", ["zerokd", "run", "my recipe.toml", "--plugin", "moving.py"])
    catalogue = discover_plugins([tmp_path / "moving.py"])
    killed(1, lambda: run_recipe(recipe, catalogue, "cpu", tmp_path / "run", False, Progress(screen)))
    with pytest.raises(RecipeError, match="unknown loss 'moving'") as caught:
        resume_run(tmp_path / "run", discover_plugins(), None, Progress(screen))
    assert "it was started with: zerokd run 'my recipe.toml' --plugin moving.py" in str(caught.value)


@pytest.mark.parametrize("left", [("samples",), ("samples", "recipe.toml")])
def test_a_run_that_ended_before_its_first_step_starts_anew(tmp_path, left):
    whole = tmp_path / "whole"
    run_recipe(document(), CATALOGUE, "cpu", whole, False, Progress(Console(quiet=True)))
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / ".lock").touch()
    (folder / f".zerokd-{'0' * 16}-1.part.toml").write_text("half")
    if "recipe.toml" in left:
        (folder / "recipe.toml").write_bytes((whole / "recipe.toml").read_bytes())
        resume_run(folder, CATALOGUE, None, Progress(Console(quiet=True)))
    else:
        with pytest.raises(RunFolderError, match="is not a run folder"):
            resume_run(folder, CATALOGUE, None, Progress(Console(quiet=True)))
        run_recipe(document(), CATALOGUE, "cpu", folder, True, Progress(Console(quiet=True)))
    assert file_sha256(folder / "student.safetensors") == file_sha256(whole / "student.safetensors")


def test_a_folder_with_a_recipe_of_its_own_is_no_leftover(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/recipe.toml").write_text("mine")
    with pytest.raises(RunFolderError, match="is not an empty folder"):
        run_recipe(document(), CATALOGUE, "cpu", tmp_path / "run", True, Progress(Console(quiet=True)))
    assert (tmp_path / "run/recipe.toml").read_text() == "mine"


def test_a_damaged_recipe_of_a_run_is_named(tmp_path):
    (tmp_path / "recipe.toml").write_text('name = "pap')
    with pytest.raises(RunFolderError, match=r"recipe\.toml' is damaged"):
        require_same_recipe(RunFolder(tmp_path), {})
