"""A term that would train nothing, or compares what cannot be compared, is refused before the first step."""

import pytest
import torch

from zerokd.errors import RecipeError
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe


def problems(components, number=1, sample=None):
    with pytest.raises(RecipeError) as caught:
        probe(
            components.stages[number],
            components,
            Batch.from_images(torch.rand(2, 3, 32, 32) if sample is None else sample),
        )
    return caught.value.problems


def test_the_paper_recipe_passes(build):
    components = build()
    for stage in components.stages:
        objective = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32)))
        assert list(objective.weights) == [term.label for term in stage.terms]


def test_a_channel_mismatch_names_the_adapter_that_would_fix_it(build):
    (problem,) = problems(build('terms.feature_matching.early.adapt=["adaptive_pool"]'))
    assert "4 channels of 32x32" in problem.message
    assert "32 channels of 32x32" in problem.message
    assert 'adapt = ["adaptive_pool", "gap"]' in problem.hints[0]


def test_curve_maps_of_other_iterations_need_a_curve_map(build):
    (problem,) = problems(build('terms.distillation.curve_map.on.target="teacher.enhanced"'))
    assert problem.message.startswith("distillation.curve_map: ")
    assert "target" in problem.message


def test_a_port_that_wants_three_channels_refuses_four(build):
    found = problems(build('terms.task.color.on.enhanced="student.features.e_conv1"'))
    messages = [problem.message for problem in found]
    assert "task.color: port 'enhanced' takes 3 channels, student.features.e_conv1 has 4" in messages


def test_a_term_without_the_student_is_refused(build):
    (problem,) = problems(build('terms.task.color.on.enhanced="teacher.enhanced"'))
    told = "port 'enhanced' must carry gradient to the student, and teacher.enhanced carries none"
    assert problem.message == f"task.color: {told}"


def test_a_swapped_pair_is_refused(build):
    """Anchor and negative exchanged: this term would push the student away from its teacher."""
    on = '{anchor="teacher.enhanced", positive="ema.enhanced", negative="student.enhanced"}'
    (problem,) = problems(build(f"terms.contrastive.ema.on={on}"))
    assert problem.message.startswith("contrastive.ema: port 'anchor' must carry gradient to the student")


def test_raw_curve_maps_of_other_iterations_are_refused(build):
    (problem,) = problems(build("terms.distillation.curve_map.adapt=[]"))
    assert "curve maps of 4 iterations and 8" in problem.message
    assert 'adapt = ["match_iterations"]' in problem.hints[0]


@pytest.mark.parametrize("counted", [True, False])
def test_a_term_that_writes_into_what_others_read_is_refused(build, monkeypatch, counted):
    components = build()
    term = next(term for term in components.stages[1].terms if term.label == "distillation.enhanced")
    forward = type(term.loss).forward

    def spoil(self, *, prediction, target):
        (target if counted else target.data).zero_()
        return forward(self, prediction=prediction, target=target)

    monkeypatch.setattr(type(term.loss), "forward", spoil)
    messages = [problem.message for problem in problems(components)]
    assert "distillation.enhanced: loss 'mse' changes teacher.enhanced in place, which other terms read" in messages


def test_a_model_that_leaves_its_declared_range_is_refused(build, monkeypatch):
    components = build()
    forward = type(components.student).forward
    monkeypatch.setattr(
        type(components.student), "forward", lambda self, low: forward(self, low) | {"enhanced": 5 * low}
    )
    (problem, *_) = problems(components)
    assert "student.enhanced is declared within [0, 1] and has values from" in problem.message


def test_probing_changes_nothing(build):
    components = build()
    norm = torch.nn.BatchNorm2d(3)
    components.student.register_module("norm", norm)
    components.student.e_conv1.register_forward_pre_hook(lambda module, args: (norm(args[0]), torch.rand(1))[0:1])
    before, generator = {k: v.clone() for k, v in norm.state_dict().items()}, torch.get_rng_state()
    probe(
        components.stages[0],
        components,
        Batch.from_images(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))),
    )
    assert all(torch.equal(before[key], value) for key, value in norm.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())


def test_unless_it_is_only_monitored(build):
    components = build('terms.task.color.on.enhanced="teacher.enhanced"', "terms.task.color.monitor=true")
    assert (
        probe(components.stages[1], components, Batch.from_images(torch.rand(2, 3, 32, 32))).weights["task.color"]
        == 0.0
    )


def test_a_range_that_does_not_fit_is_refused(build):
    (problem,) = problems(build('terms.task.color.on.enhanced="student.curve_map"'))
    assert "port 'enhanced' takes [0, 1], student.curve_map has values in [-1, 1]" in problem.message


def test_images_too_small_for_a_window_are_refused(build):
    found = problems(build(), sample=torch.rand(2, 3, 9, 9))
    assert any("needs at least 11 pixels a side, got 9x9" in problem.message for problem in found)


def test_a_term_with_zero_gradient_is_refused(build):
    """A black batch gives every Zero-DCE curve the output 0, so that no term on the enhanced image can learn."""
    found = problems(build(), sample=torch.zeros(2, 3, 32, 32))
    assert "task.color: its gradient at the student is exactly 0: it trains nothing" in [one.message for one in found]


def test_all_problems_are_told_at_once(build):
    components = build(
        'terms.task.color.on.enhanced="student.curve_map"',
        'terms.feature_matching.early.adapt=["adaptive_pool"]',
        'terms.task.saturation.on.enhanced="student.curve_map"',
    )
    assert len(problems(components)) == 3


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (lambda image: image.mean(), "shape (N,), got shape ()"),
        (lambda image: image.mean(dim=(1, 2, 3)).half(), "float32 or wider, got torch.float16"),
        (lambda image: image.mean(dim=(1, 2, 3)) / 0, "is not finite"),
        (lambda image: 3.0, "shape (N,), got float"),
        (lambda image: 1 / 0, "failed: ZeroDivisionError"),
        (lambda image: image.mean(dim=(1, 2, 3)).detach(), "no gradient path"),
        (lambda image: image.mean(dim=(1, 2, 3)) * 0, "exactly 0"),
        (lambda image: (image - image).abs().mean(dim=(1, 2, 3)).sqrt(), "gradient at the student is not finite"),
    ],
)
def test_a_loss_that_breaks_its_contract_is_refused(build, monkeypatch, result, told):
    components = build()
    term = next(term for term in components.stages[1].terms if term.label == "task.smoothness")
    monkeypatch.setattr(type(term.loss), "forward", lambda self, *, image: result(image))
    found = problems(components)
    assert {problem.message.split(":")[0] for problem in found} == {"task.smoothness", "task.enhanced_smoothness"}
    assert all(told in problem.message for problem in found)
