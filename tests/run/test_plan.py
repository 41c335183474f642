"""A plan is made before anything is written: every stage is proven, images are split, the student is measured."""

import pytest
import torch
from attrs import evolve
from torch import nn

from zerokd.errors import RecipeError
from zerokd.run.plan import prepare_run


def test_a_plan_proves_every_stage_and_measures_on_held_out_images(build):
    components = build("data.count=6", "data.held_out=0.34")
    plan = prepare_run(components, torch.device("cpu"))
    assert [evidence.stage for evidence in plan.evidences] == ["pretrain", "distill"]
    assert len(plan.objectives) == 2
    assert plan.measured_on == "held-out"
    assert sorted([*plan.training_indices, *plan.held_out_indices]) == list(range(6))
    assert plan.load_images(1).shape == (1, 3, 32, 32)


def test_without_held_out_images_training_ones_are_measured(build):
    plan = prepare_run(build("data.held_out=0.0"), torch.device("cpu"))
    assert plan.measured_on == "training"
    assert plan.held_out_indices == []


class Grey(nn.Module):
    """One channel where the input has three."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, low):
        outputs = self.inner(low)
        return outputs | {"enhanced": outputs["enhanced"].mean(dim=1, keepdim=True)}


def test_a_student_that_makes_no_image_like_its_input_is_refused_before_the_first_step(build):
    components = build()
    grey = evolve(components, models={**components.models, "student": Grey(components.student)}, stages=())
    with pytest.raises(
        RecipeError, match=r"'enhanced' has the shape \(1, 32, 32\) for an image of \(3, 32, 32\)"
    ) as caught:
        prepare_run(grey, torch.device("cpu"))
    assert "zerokd.compose in a loop of your own" in caught.value.problems[0].hints[0]
