"""The cost of a step and its variants is measured, and the student is left unchanged."""

import pytest
import torch

from zerokd.describe.step_cost import describe_step_costs, measure_step_costs
from zerokd.run.plan import prepare_run
from zerokd.training.device import choose_device

SMALL = ("stages.distill.epochs=2", "stages.distill.batch=3", "data.count=4", "data.held_out=0.0")


@pytest.fixture(scope="module")
def measured():
    from tests.conftest import RECIPES, TINY
    from zerokd.plugin.discovery import discover_plugins
    from zerokd.recipe.build.overrides import apply_options
    from zerokd.recipe.build.static_checks import check_recipe
    from zerokd.recipe.toml.extends import read_recipe_document

    _, components = check_recipe(
        apply_options(read_recipe_document(RECIPES / "paper.toml"), (*TINY, *SMALL)), discover_plugins()
    )
    plan = prepare_run(components, choose_device("cpu"))
    before = {name: tensor.clone() for name, tensor in components.student.state_dict().items()}
    costs = list(measure_step_costs(plan))
    return plan, before, costs


def test_every_model_and_term_that_is_computed_is_timed_alone(measured):
    plan, _, (pretrain, distill) = measured
    names = {part.name for part in distill.parts}
    assert names == {"model student", "model teacher (once per image)", "model ema", *plan.objectives[1].weights}
    assert {part.name for part in pretrain.parts} == {"model student", *plan.objectives[0].weights}
    assert all(part.milliseconds > 0 for cost in (pretrain, distill) for part in cost.parts)
    assert [part.milliseconds for part in distill.parts] == sorted(
        (p.milliseconds for p in distill.parts), reverse=True
    )


def test_the_way_of_a_run_stands_beside_others(measured):
    _, _, (pretrain, distill) = measured
    assert [(variant.name, variant.chosen) for variant in distill.variants] == [
        ("micro-batch 3", True),
        ("micro-batch 1", False),
        ("micro-batch 2", False),
        ("micro-batch 3, no cache", False),
    ]
    assert not any("no cache" in variant.name for variant in pretrain.variants)  # augmented images do not repeat


def test_what_is_kept_is_told_with_its_size(measured):
    _, _, (pretrain, distill) = measured
    kept = {name: (size, images) for name, size, images in distill.as_json()["kept"]}
    assert kept["teacher.enhanced"] == (4 * 3 * 32 * 32, 4)
    assert kept["distillation.perceptual, prepared"] == (4 * (64 + 64 + 32) * 32 * 32, 4)
    assert pretrain.as_json()["kept"] == []


def test_the_student_is_as_before(measured):
    plan, before, _ = measured
    assert all(torch.equal(tensor, before[name]) for name, tensor in plan.components.student.state_dict().items())


def test_the_text_fits_a_terminal_and_says_what_a_run_does(measured):
    _, _, costs = measured
    lines = list(describe_step_costs(costs, "cpu", 1))
    assert max(map(len, lines)) <= 80
    assert lines[0] == "pretrain: 4 images, batch 4, on cpu, 1 threads"
    assert sum("used by runs" in line for line in lines) == 2
    assert sum("fastest" in line for line in lines) >= 2
    assert "  frozen cache: empty (nothing is frozen, or no image repeats)" in lines


def test_the_data_keeps_its_keys(measured):
    _, _, (_, distill) = measured
    assert list(distill.as_json()) == ["stage", "images", "batch", "ways", "parts", "layouts", "kept"]
    assert distill.as_json()["layouts"]["student"] == "contiguous"
