"""A stage of a recipe as an objective for a loop of one's own."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

import zerokd
from zerokd.data.dead_leaves import DeadLeaves
from zerokd.files import download
from zerokd.recipe.toml.extends import read_recipe_document

RECIPES = Path("recipes")
LOW = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.4
QUICK = {"data.count": 4, "data.size": 32, "terms.distillation.perceptual.weights": "random"}


def plain_student():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.Sigmoid())


def problems_of(call):
    with pytest.raises(zerokd.ZerokdError) as caught:
        call()
    return caught.value.problems


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_stage_of_every_recipe_composes_and_trains_the_student(path):
    document = read_recipe_document(path)
    for stage, table in document.tables["stages"].items():
        setting = {f"stages.{stage}.aggregate": None} if "aggregate" in table else {}
        if "perceptual" in document.tables["terms"].get("distillation", {}):
            setting["terms.distillation.perceptual.weights"] = "random"
        objective = zerokd.compose(path, stage, set=setting, steps=4)
        others = {name: LOW.sqrt() for name in objective.graph.input_names if name != "low"}  # such as references
        result = objective({"low": LOW, **others}, step=0)
        result.total.backward()
        gradients = [weight.grad for weight in objective.student.parameters() if weight.grad is not None]
        assert gradients
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_it_computes_what_the_run_computes():
    from zerokd.objective.objective import Objective
    from zerokd.run.launch import prepare_recipe

    weights = 'terms.distillation.perceptual.weights="random"'
    plan = prepare_recipe("recipes/paper.toml", settings=["data.count=4", "data.size=32", weights])
    stage = plan.components.stages[1]
    of_run = Objective.from_plan(stage, plan.components)({"low": LOW}, 3)
    own = zerokd.compose("recipes/paper.toml", "distill", set=QUICK)
    assert own.plan.clock == stage.clock
    result = own(LOW, step=3)
    torch.testing.assert_close(result.total, of_run.total)
    assert result.weights == of_run.weights
    torch.testing.assert_close(result.values, of_run.values)


def test_any_module_takes_the_place_of_the_recipes():
    student = plain_student()
    settings = {
        "params.alpha": 0.4,
        "terms.distillation.perceptual": None,
        "params.beta": 0.0,
        "terms.distillation.curve_map": None,
        "terms.task.smoothness": None,
    }
    objective = zerokd.compose(
        "recipes/paper.toml", "distill", set=settings, models={"student": student}, steps=10, steps_per_epoch=5
    )
    assert objective.student is student
    assert objective.plan.clock.steps_per_epoch == 5
    result = objective(LOW, step=9)
    result.total.backward()
    assert student[0].weight.grad.any()
    assert result.weights["distillation.enhanced"] == pytest.approx(0.4)
    assert not any(weight.requires_grad for weight in objective.models.models["teacher"].parameters())


def test_only_the_models_that_the_stage_reads_are_built():
    missing = {"models.teacher.weights": "nowhere.pth"}
    objective = zerokd.compose("recipes/paper.toml", "pretrain", set={**QUICK, **missing})
    assert [*objective.models.models] == ["student"]
    assert (
        "nowhere.pth"
        in problems_of(lambda: zerokd.compose("recipes/paper.toml", "distill", set={**QUICK, **missing}))[0].message
    )


def test_a_fallback_is_a_warning_at_the_line_that_asked(monkeypatch, tmp_path):
    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path))
    monkeypatch.setattr(download, "urlopen", unreachable)
    monkeypatch.setenv("ZEROKD_DOWNLOADS", "yes")
    imagenet = {"terms.distillation.perceptual.weights": "imagenet", "terms.distillation.perceptual.fallback": "random"}
    with pytest.warns(UserWarning, match="FALLBACK: vgg_perceptual: random weights") as caught:
        zerokd.compose("recipes/paper.toml", "distill", set=QUICK | imagenet)
    assert caught[0].filename == __file__


def test_your_generators_keep_their_state():
    torch.manual_seed(3)
    expected = hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest()
    zerokd.compose("recipes/paper.toml", "distill", set=QUICK)
    assert hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest() == expected


def test_mistakes_name_the_line_of_the_call_or_of_the_recipe():
    (problem,) = problems_of(lambda: zerokd.compose("recipes/paper.toml"))
    assert problem.hints == ("the recipe's stages: pretrain, distill",)
    assert problem.place.file == __file__
    (problem,) = problems_of(lambda: zerokd.compose("recipes/paper.toml", "distil"))
    assert (problem.message, problem.hints[0]) == ("unknown stage 'distil'", "did you mean 'distill'?")
    (problem,) = problems_of(
        lambda: zerokd.compose("recipes/paper.toml", "distill", set=QUICK, models={"studnet": plain_student()})
    )
    assert problem.message == "no term of stage 'distill' reads the model 'studnet'"
    assert problem.hints[0] == "did you mean 'student'?"
    (problem,) = problems_of(lambda: zerokd.compose("recipes/paper.toml", "distill", set={"params.alpha": "high"}))
    assert problem.place.file == __file__
    (problem,) = problems_of(lambda: zerokd.compose("recipes/paper.toml", "distill", steps=0))
    assert problem.message == "steps is 0, steps_per_epoch None"
    aggregate = {"stages.distill.aggregate": {"use": "sum"}}
    (problem,) = problems_of(lambda: zerokd.compose("recipes/paper.toml", "distill", set=QUICK | aggregate))
    assert "combines the gradients of stage 'distill'" in problem.message
    assert problem.hints == ('set={"stages.distill.aggregate": None} trains on the weighted sum',)


def test_the_sample_of_a_recipe_is_an_input_like_any_other():
    images = torch.stack([DeadLeaves(count=2, size=32)[index] for index in range(2)]) / 255
    objective = zerokd.compose("recipes/paper.toml", "distill", set=QUICK)
    assert "distillation.enhanced" in str(objective.prove(images))
