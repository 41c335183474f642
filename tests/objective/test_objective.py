"""The only reduction and the only sum, against the equation written out by hand."""

import pytest
import torch

from zerokd.losses.color_constancy import color_constancy
from zerokd.losses.mse import mse
from zerokd.losses.total_variation import total_variation
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe


def objective_of(components, number=1):
    return probe(components.stages[number], components, Batch.from_images(torch.rand(2, 3, 32, 32)))


def test_every_weight_is_group_coefficient_times_term_weight(build):
    weights = objective_of(build("params.alpha=0.3", "params.beta=0.2")).weights
    assert weights["distillation.structure"] == pytest.approx(0.3 * 0.05)
    assert weights["feature_matching.deep"] == pytest.approx(0.2 * 0.5)
    assert weights["task.exposure"] == pytest.approx(0.5 * 7.0)
    assert weights["contrastive.ema"] == pytest.approx(0.1)


def test_the_total_is_the_documented_sum(build):
    torch.manual_seed(3)
    components = build()
    evaluation = objective_of(components)({"low": torch.rand(2, 3, 32, 32)})
    alpha, beta = 0.35, 0.1
    outside = {"distillation": alpha, "feature_matching": beta, "task": 1 - alpha - beta, "contrastive": 1.0}
    terms = {term.label: term for term in components.stages[1].terms}
    expected = sum(
        outside[terms[label].group] * terms[label].weight * values.sum().item() / 2
        for label, values in evaluation.values.items()
    )
    assert evaluation.total.item() == pytest.approx(expected, rel=1e-5)
    assert len(evaluation.values) == len(terms) == 14


def test_terms_agree_with_their_functions_called_by_hand(build):
    torch.manual_seed(4)
    components = build()
    low = torch.rand(2, 3, 32, 32)
    values = objective_of(components)({"low": low}).values
    student, teacher = components.student(low), components.models["teacher"](low)
    torch.testing.assert_close(values["distillation.enhanced"], mse(student["enhanced"], teacher["enhanced"]))
    torch.testing.assert_close(values["task.color"], color_constancy(student["enhanced"]))
    torch.testing.assert_close(values["task.smoothness"], total_variation(student["curve_map"]))
    torch.testing.assert_close(values["task.enhanced_smoothness"], total_variation(student["enhanced"]))
    converted = (1 - (1 - teacher["curve_map"]) ** 2).clamp_min(-1)
    torch.testing.assert_close(values["distillation.curve_map"], mse(student["curve_map"], converted))


def test_a_batch_is_averaged_not_summed(build):
    objective = objective_of(build(), 0)
    low = torch.rand(1, 3, 32, 32)
    once, twice = objective({"low": low}), objective({"low": low.repeat(2, 1, 1, 1)})
    torch.testing.assert_close(once.total, twice.total)


def test_a_monitored_term_is_computed_and_weighs_nothing(build):
    plain = objective_of(build("terms.task.color.weight=0.0"))
    assert "task.color" not in plain.weights
    watched = objective_of(build("terms.task.color.monitor=true"))
    low = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(plain({"low": low}).total, watched({"low": low}).total)
    value = watched({"low": low}).values["task.color"]
    assert value.shape == (2,)
    assert (value > 0).all()
    assert not value.requires_grad


def test_a_step_computes_only_what_its_terms_need(build):
    """The moving average is read by one term, at every second step, and so is the teacher here."""
    components = build(
        "params.alpha=0.0",
        "params.beta=0.0",
        "terms.contrastive.ema.when={from='1 step', every='2 steps'}",
        "terms.task.color.weight={use='piecewise', at=['0 steps', '1 step'], values=[0.0, 2.0]}",
        "stages.distill.epochs=4",
    )
    objective = objective_of(components)
    ran = []
    components.averages["ema"].model.register_forward_hook(lambda *_: ran.append("ema"))
    components.models["teacher"].register_forward_hook(lambda *_: ran.append("teacher"))
    low = torch.rand(2, 3, 32, 32)
    first, second = objective({"low": low}, 0), objective({"low": low}, 1)
    assert ran == ["teacher", "teacher", "ema"]  # what is frozen, once for each image
    assert "contrastive.ema" not in first.values
    assert "task.color" not in first.values
    assert second.weights["task.color"] == 2.0
    extra = second.weights["contrastive.ema"] * second.values["contrastive.ema"].mean()
    extra = extra + 2.0 * second.values["task.color"].mean()
    torch.testing.assert_close(second.total, first.total + extra)
