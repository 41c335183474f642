"""Coefficients multiplied out by hand, and forward passes counted."""

import pytest

from zerokd.describe.equation import explain_stage
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.run.plan import prepare_run
from zerokd.training.device import choose_device

STEPS = ("data.count=20", "data.held_out=0.0", "stages.distill.epochs=4")  # 5 steps an epoch


@pytest.fixture
def explain(build):
    def explain(*settings):
        components = build(*STEPS, *settings)
        plan = prepare_run(components, choose_device("cpu"))
        return explain_stage(components.stages[1], components, plan.objectives[1])

    return explain


def test_effective_is_group_times_weight_times_factor(explain, monkeypatch):
    from zerokd.losses.ssim import SsimLoss

    monkeypatch.setattr(SsimLoss, "factor", 3.0)
    terms = {term.label: term for term in explain().terms}
    assert terms["distillation.structure"].effective == pytest.approx((0.35 * 0.05 * 3,) * 2)
    assert terms["feature_matching.deep"].effective == pytest.approx((0.1 * 0.5,) * 2)
    assert terms["task.exposure"].coefficient == pytest.approx((0.55, 0.55))


def test_a_schedule_is_a_range_over_the_steps_that_compute_the_term(explain):
    explanation = explain("params.alpha={use='linear', from=0.0, to=0.38}")
    terms = {term.label: term for term in explanation.terms}
    assert terms["distillation.enhanced"].effective == pytest.approx((0.02, 0.38))  # its weight is 0 at step 1
    assert terms["distillation.enhanced"].steps == 19
    assert terms["task.spatial"].effective == pytest.approx((1.5 * 0.52, 1.5 * 0.9))


def test_forwards_are_counted_with_what_sharing_saves(explain):
    explanation = explain("terms.contrastive.ema.when={every='4 steps'}", "terms.task.saturation.weight=0.0")
    forwards = {forward.owner: forward for forward in explanation.forwards}
    assert (forwards["ema"].steps, forwards["ema"].shared) == (5, 0)
    assert forwards["student"].steps == 20
    assert forwards["student"].shared == 12 * 20 + 5 - 20  # 13 terms read the student, one of them at 5 steps
    assert forwards["teacher"].shared == 7 * 20 + 5 - 20
    assert [forward.gradient for forward in explanation.forwards].count(True) == 1
    assert explanation.idle == ("task.saturation",)


def test_signals_name_their_readers(explain):
    signals = explain().signals
    assert signals["teacher.features.e_conv4"] == ("output of a layer of teacher", ("feature_matching.mid",))
    assert signals["low"][1] == ("task.spatial", "task.exposure")


def test_the_equation_as_latex(explain):
    text = explain().latex
    assert r"(1 - \alpha - \beta) \, \mathcal{L}_{\mathrm{task}} + \mathcal{L}_{\mathrm{contrastive}}" in text
    assert r"\mathcal{L}_{\mathrm{contrastive}} &= 0.1 \, \mathcal{L}_{\mathrm{ema}}" in text


def test_what_is_computed_agrees_with_the_weights_of_every_step(build):
    import torch

    components = build(
        *STEPS, "terms.task.color.when={from='1 epoch', every='3 steps'}", "terms.task.spatial.monitor=true"
    )
    objective = probe(components.stages[1], components, Batch.from_images(torch.rand(2, 3, 32, 32)))
    for label in objective.weights:
        computed = objective.computed_mask(label, 20)
        assert [label in objective.weights_at(step) for step in range(20)] == computed.tolist()
