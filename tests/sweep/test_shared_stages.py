"""What is trained once, and that a point which starts from it is the same to the bit."""

import io

import pytest
import safetensors.torch
import torch
from rich.console import Console

from tests.sweep.small import CATALOGUE, document
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.run.launch import run_recipe
from zerokd.run.progress import Progress
from zerokd.sweep.shared_stages import StageSplit, split_stages, start_from_shared_student, train_shared_stages

DERIVED = 'params.rest={ equals = "1 - alpha - beta" }'


@pytest.mark.parametrize(
    ("key", "shared"),
    [
        ("params.alpha", ("pretrain",)),
        ("terms.task.color.weight", ("pretrain",)),
        ("stages.distill.epochs", ("pretrain",)),
        ("metrics.x.use", ("pretrain",)),
        ("stages.distill.optimizer.use", ("pretrain",)),
        ("best.patience", ("pretrain",)),
        ("export", ("pretrain",)),
        ("stages.pretrain.optimizer.momentum", ()),
        ("terms.pretraining.exposure.weight", ()),
        ("stages.pretrain.epochs", ()),
        ("data.size", ()),
        ("models.student.width", ()),
        ("models.teacher.weights", ()),
        ("seed", ()),
        ("threads", ()),
    ],
)
def test_stages_that_no_key_may_change_are_shared(key, shared):
    recipe = document()
    split = split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.beta", key])
    assert split.shared == shared
    assert split.shared + split.per_point == ("pretrain", "distill")


def test_a_param_that_others_are_made_of_changes_all_that_read_them():
    recipe = document(
        'params={ alpha = 0.35, beta = 0.1, seven = { equals = "7*alpha/0.35" } }',
        'stages.pretrain.objective="seven*pretraining"',
    )
    assert split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.alpha"]).shared == ()


def test_the_last_stage_is_each_points_own():
    recipe = document('run=["pretrain"]', recipe="paper.toml")
    split = split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.alpha"])
    assert split == StageSplit((), ("pretrain",))


SELECTION = (
    'metrics.truth={ use = "psnr", on = { target = "low" } }',  # it falls while a student learns to brighten
    "stages.pretrain.epochs=3",
    "measure_every=1",
    'export="best"',
    'best={ metric = "truth", patience = 1 }',
)


@pytest.mark.parametrize("settings", [(), SELECTION], ids=["last step", "best"])
def test_a_point_from_the_shared_stages_is_the_whole_run_to_the_bit(tmp_path, settings):
    calls = []

    def train(recipe_document, folder):
        calls.append(folder.name)
        return run_recipe(recipe_document, CATALOGUE, "cpu", folder, True, Progress(Console(file=io.StringIO())))

    recipe = document("stages.distill.epochs=2", *settings)
    split = split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.alpha"])
    for _ in range(2):
        train_shared_stages(recipe, split, tmp_path / "shared", train)
        assert not (tmp_path / "shared/checkpoints").exists()
        (tmp_path / "shared/checkpoints").mkdir()  # as a worker leaves them that is killed as it deletes them
    remaining = start_from_shared_student(recipe, split, tmp_path / "shared")
    assert remaining.tables["run"] == ["distill"]
    train(remaining, tmp_path / "own")
    train(recipe, tmp_path / "whole")
    assert calls == ["shared", "own", "whole"]
    students = (safetensors.torch.load_file(tmp_path / name / "student.safetensors") for name in ("own", "whole"))
    own_student, whole_student = students
    assert own_student.keys() == whole_student.keys()
    assert all(torch.equal(own_student[name], whole_student[name]) for name in own_student)


def test_nothing_shared_leaves_the_recipe_as_it_is(tmp_path):
    recipe, split = document(), StageSplit((), ("pretrain", "distill"))
    train_shared_stages(recipe, split, tmp_path / "shared", None)
    assert start_from_shared_student(recipe, split, tmp_path / "shared") is recipe
    assert not list(tmp_path.iterdir())
