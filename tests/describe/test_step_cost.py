"""What a step costs, and how it is computed, is measured without a trace."""

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
    before = {name: one.clone() for name, one in components.student.state_dict().items()}
    benches = list(measure_step_costs(plan))
    return plan, before, benches


def test_every_model_and_term_that_is_computed_is_timed_alone(measured):
    plan, _, (pretrain, distill) = measured
    names = {part.name for part in distill.parts}
    assert names == {"model student", "model teacher (once an image)", "model ema", *plan.objectives[1].weights}
    assert {part.name for part in pretrain.parts} == {"model student", *plan.objectives[0].weights}
    assert all(part.milliseconds > 0 for one in (pretrain, distill) for part in one.parts)
    assert [part.milliseconds for part in distill.parts] == sorted(
        (p.milliseconds for p in distill.parts), reverse=True
    )


def test_the_way_of_a_run_stands_beside_others(measured):
    _, _, (pretrain, distill) = measured
    assert [(way.name, way.chosen) for way in distill.ways] == [
        ("3 at once", True),
        ("1 at once", False),
        ("2 at once", False),
        ("3 at once, none kept", False),
    ]
    assert not any("none kept" in way.name for way in pretrain.ways)  # augmented images do not come again


def test_what_is_kept_is_told_with_its_size(measured):
    _, _, (pretrain, distill) = measured
    kept = {name: (size, images) for name, size, images in distill.kept}
    assert kept["teacher.enhanced"] == (4 * 3 * 32 * 32, 4)
    assert kept["distillation.perceptual, prepared"] == (4 * (64 + 64 + 32) * 32 * 32, 4)
    assert pretrain.kept == ()


def test_the_student_is_as_before(measured):
    plan, before, _ = measured
    assert all(torch.equal(one, before[name]) for name, one in plan.components.student.state_dict().items())


def test_the_text_fits_a_terminal_and_says_what_a_run_does(measured):
    _, _, benches = measured
    lines = list(describe_step_costs(benches, "cpu", 1))
    assert max(map(len, lines)) <= 80
    assert lines[0] == "pretrain: 4 images, batch 4, on cpu, 1 threads"
    assert sum("what a run does" in line for line in lines) == 2
    assert sum("the fastest here" in line for line in lines) >= 2
    assert "  nothing is kept of an image: nothing is frozen, or no image comes again" in lines
