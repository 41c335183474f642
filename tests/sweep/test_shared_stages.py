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
from zerokd.sweep.shared_stages import StageSplit, split_stages, train_shared_stages

DERIVED = 'params.rest={ equals = "1 - alpha - beta" }'


@pytest.mark.parametrize(
    ("key", "shared"),
    [
        ("params.alpha", ("pretrain",)),
        ("terms.task.color.weight", ("pretrain",)),
        ("stages.distill.epochs", ("pretrain",)),
        ("metrics.x.use", ("pretrain",)),
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
    parts = split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.beta", key])
    assert parts.shared == shared
    assert parts.shared + parts.per_point == ("pretrain", "distill")


def test_a_param_that_others_are_made_of_changes_all_that_read_them():
    recipe = document(
        'params={ alpha = 0.35, beta = 0.1, seven = { equals = "7*alpha/0.35" } }',
        'stages.pretrain.objective="seven*pretraining"',
    )
    assert split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.alpha"]).shared == ()


def test_the_last_stage_is_each_points_own():
    recipe = document('run=["pretrain"]', recipe="paper.toml")
    parts = split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.alpha"])
    assert parts == StageSplit((), ("pretrain",))


def test_a_point_from_the_shared_stages_is_the_whole_run_to_the_bit(tmp_path):
    calls = []

    def train(given, folder):
        calls.append(folder.name)
        return run_recipe(given, CATALOGUE, "cpu", folder, True, Progress(Console(file=io.StringIO())))

    recipe = document("stages.distill.epochs=2")
    parts = split_stages(check_recipe(recipe, CATALOGUE)[1], recipe, ["params.alpha"])
    for _ in range(2):
        own = train_shared_stages(recipe, parts, tmp_path / "shared", train)
    assert own.tables["run"] == ["distill"]
    train(own, tmp_path / "own")
    train(recipe, tmp_path / "whole")
    assert calls == ["shared", "own", "whole"]
    one, other = (safetensors.torch.load_file(tmp_path / name / "student.safetensors") for name in ("own", "whole"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_nothing_shared_leaves_the_recipe_as_it_is(tmp_path):
    recipe = document()
    assert train_shared_stages(recipe, StageSplit((), ("pretrain", "distill")), tmp_path / "shared", None) is recipe
    assert not list(tmp_path.iterdir())
