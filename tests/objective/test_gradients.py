"""Each term's gradient, its share, and the angle to every other, against numbers worked out by hand."""

import math

import pytest
import torch

from zerokd.objective.gradients import compare_gradients, gradients_through_intermediates, term_gradients
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe


def test_norms_shares_and_cosines_by_hand():
    shares = compare_gradients({"a": torch.tensor([3.0, 4.0]), "b": torch.tensor([0.0, -5.0]), "c": torch.zeros(2)})
    assert shares.labels == ("a", "b", "c")
    assert shares.norms == (5.0, 5.0, 0.0)
    assert shares.shares == (0.5, 0.5, 0.0)
    assert shares.cosines[0] == pytest.approx((1.0, -0.8, 0.0))
    assert shares.cosines[2] == (0.0, 0.0, 0.0)
    assert shares.as_json()["terms"]["b"] == {"norm": 5.0, "share": 0.5}


def test_the_same_direction_is_1_whatever_its_length():
    shares = compare_gradients({"a": torch.tensor([1e-20, 0.0]), "b": torch.tensor([1e10, 0.0])})
    assert shares.cosines[0][1] == pytest.approx(1.0)


@pytest.fixture
def step(build):
    components = build("terms.task.color.monitor=true")
    stage = components.stages[1]
    objective = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32)))
    return objective({"low": torch.rand(2, 3, 32, 32)}), list(components.student.parameters())


def test_they_add_up_to_the_gradient_of_the_objective(step):
    evaluation, parameters = step
    gradients = term_gradients(evaluation.weights, evaluation.values, parameters)
    assert "task.color" not in gradients
    assert len(gradients) == 13
    assert all(parameter.grad is None for parameter in parameters)
    evaluation.total.backward()  # the graph is still there
    whole = torch.cat([parameter.grad.reshape(-1) for parameter in parameters])
    torch.testing.assert_close(sum(gradients.values()), whole, rtol=1e-4, atol=1e-6)


def test_measuring_changes_no_bit_of_the_step(step):
    evaluation, parameters = step
    evaluation.total.backward(retain_graph=True)
    before = [parameter.grad.clone() for parameter in parameters]
    compare_gradients(term_gradients(evaluation.weights, evaluation.values, parameters))
    for one in parameters:
        one.grad = None
    evaluation.total.backward()
    assert all(torch.equal(one.grad, kept) for one, kept in zip(parameters, before, strict=True))


def test_what_is_not_finite_stays_visible():
    shares = compare_gradients({"a": torch.tensor([math.inf, 0.0]), "b": torch.tensor([1.0, 0.0])})
    assert math.isinf(shares.norms[0])
    assert shares.norms[1] == 1.0


def test_in_turn_a_gradient_is_taken_in_the_middle_and_from_there_at_the_leaves():
    """y = 3x, z = y^2, value = 5 y' + 7 z' of stand-ins: (5, 7) there, and (5 + 7 * 2y) * 3 = 519 at x = 4."""
    x, none = torch.tensor([4.0], requires_grad=True), torch.tensor([1.0], requires_grad=True)
    y = 3 * x
    middle = {name: (one, one.detach().requires_grad_()) for name, one in (("y", y), ("z", y**2))}
    middle["unread"] = (torch.sqrt(0 * x), torch.zeros(1, requires_grad=True))  # 0 times its slope is NaN
    value = (5 * middle["y"][1] + 7 * middle["z"][1]).sum()
    for _ in range(2):  # the graphs are kept
        there, at_leaves = gradients_through_intermediates(value, middle, [x, none])
        assert there.tolist() == [5.0, 7.0]
        assert at_leaves.tolist() == [519.0, 0.0]
    assert x.grad is None
