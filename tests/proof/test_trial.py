"""Trying a term leaves no trace."""

import pytest
import torch
from torch import nn

from zerokd.errors import PluginError
from zerokd.plugin.batch import Batch
from zerokd.proof.probe import probe
from zerokd.proof.trial import (
    ProbeBatch,
    equal_with_nan,
    loss_values,
    preserve_buffers_and_rng,
    value_and_gradient,
    with_perturbed_leaves,
)


@pytest.fixture
def term(build):
    return next(term for term in build().stages[1].terms if term.label == "distillation.enhanced")


def test_buffers_and_the_generator_come_back_even_after_an_error():
    norm, before = nn.BatchNorm2d(3), torch.get_rng_state()
    counted = []

    def fail():
        norm(torch.rand(2, 3, 4, 4))
        counted.append(int(norm.num_batches_tracked))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), preserve_buffers_and_rng(norm):
        fail()
    assert counted == [1]
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.zeros(3))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_slope_by_hand(term):
    prediction, target = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    value, slope = value_and_gradient(term, {"prediction": prediction, "target": target})
    assert value.tolist() == [1.0]
    assert slope.tolist() == [-0.5] * 4  # d/dp mean (p - t)^2 = 2 (p - t) / 4
    assert not prediction.requires_grad


def test_a_failing_loss_is_named(term):
    with pytest.raises(PluginError, match="loss 'mse' failed"):
        loss_values(term, {"prediction": torch.zeros(1, 1, 2, 2), "target": torch.zeros(1, 1, 3, 3)})


def test_every_parameter_is_another_and_its_own_again_afterwards(build):
    components = build()
    stage, student = components.stages[1], components.student
    graph = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32))).graph
    before = {k: v.clone() for k, v in student.state_dict().items()}
    seen = []
    hook = student.register_forward_hook(
        lambda *_: seen.append([parameter.clone() for parameter in student.parameters()])
    )
    inputs = {"low": torch.rand(2, 3, 32, 32)}
    labels = [term.label for term in stage.terms]
    kept = graph.compute(inputs, graph.tensors_read_by(labels))
    generator = torch.get_rng_state()
    other = with_perturbed_leaves(graph, inputs, labels, student.parameters())
    hook.remove()
    assert all((one != then).all() for one, then in zip(*seen, strict=True))
    assert not torch.equal(other["student.enhanced"], kept["student.enhanced"])
    assert torch.equal(other["teacher.enhanced"], kept["teacher.enhanced"])
    assert all(torch.equal(before[key], value) for key, value in student.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    kept["student.enhanced"].sum().backward()  # the graph from before is whole
    trial = ProbeBatch(graph, kept, other, tuple(student.parameters()))
    assert trial.port_tensors(stage.terms[0])["target"] is kept["teacher.enhanced"]


def test_a_value_is_computed_once(build):
    components = build()
    stage = components.stages[1]
    graph = probe(stage, components, Batch.from_images(torch.rand(2, 3, 32, 32))).graph
    tensors = graph.compute(
        {"low": torch.rand(2, 3, 32, 32)}, graph.tensors_read_by([one.label for one in stage.terms])
    )
    trial, term, calls = ProbeBatch(graph, tensors, {}, ()), stage.terms[0], []
    hook = term.loss.register_forward_hook(lambda *_: calls.append(1))
    first, again = trial.value(term), trial.value(term)
    hook.remove()
    assert calls == [1]
    assert again is first
    assert not first.requires_grad
    assert torch.equal(first, loss_values(term, trial.port_tensors(term)))


def test_equal_is_every_number_and_nan_equals_nan():
    one = torch.tensor([1.0, float("nan"), float("inf")])
    assert equal_with_nan(one, one.clone())
    for place, number in ((0, 1.0 + 2**-23), (1, 0.0), (2, float("-inf"))):
        other = one.clone()
        other[place] = number
        assert not equal_with_nan(one, other)
