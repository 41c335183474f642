"""What an aggregator makes is followed, is its own fault, and is tried first."""

import pytest
import torch

from zerokd import Aggregator, Weighting
from zerokd.errors import PluginError
from zerokd.objective.aggregation import aggregate_gradients, collect_term_values, describe_aggregator
from zerokd.plugin.clock import Clock

ROWS = {"a.one": torch.tensor([3.0, 0.0, 1.0]), "a.two": torch.tensor([0.0, 4.0, 1.0])}


class Mean(Aggregator):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, gradients):
        self.calls += 1
        return gradients.mean(dim=0)


def failing(make):
    class Wrong(Aggregator):
        def forward(self, gradients):
            return make(gradients)

    return Wrong()


def test_numbers_that_are_not_finite_are_not_its_fault_and_it_never_sees_them():
    rows = {**ROWS, "a.bad": torch.tensor([float("nan"), 0.0, 0.0])}
    aggregator = Mean()
    assert torch.isnan(aggregate_gradients(aggregator, "mean", rows).gradient).any()
    assert aggregator.calls == 0


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda rows: rows, "must return torch.float32 (3,) for torch.float32 (2, 3), got torch.float32 (2, 3)"),
        (lambda rows: rows.sum(0).double(), "must return torch.float32 (3,) for"),
        (lambda rows: None, "got NoneType"),
        (lambda rows: rows @ rows, "failed: RuntimeError"),
    ],
)
def test_what_it_does_wrong_is_told_as_its_own(make, told):
    with pytest.raises(PluginError) as caught:
        aggregate_gradients(failing(make), "mean", ROWS)
    assert "aggregator 'mean'" in str(caught.value)
    assert told in str(caught.value)


def test_it_is_tried_on_a_copy_and_compared_with_the_sum():
    aggregator = Mean()
    note = describe_aggregator(aggregator, "mean", ROWS)
    assert "aggregator 'mean' combines the terms' gradients in place of their sum: cosine 1.00" in note
    assert "0.5 times as long" in note
    assert aggregator.calls == 0


def test_a_gradient_that_is_not_finite_is_refused_before_the_first_step():
    with pytest.raises(PluginError, match="aggregator 'mean' combines finite gradients into one that is not finite"):
        describe_aggregator(failing(lambda rows: rows.sum(0) / 0), "mean", ROWS)


class StageStub:
    trained_labels = ("a.two", "a.rests", "a.one")
    clock = Clock(4, 2)


MEANS = {"a.one": 0.5, "a.two": torch.tensor(2.0), "a.rests": 7.0, "a.monitored": 9.0}
WEIGHTS = {"a.one": 10.0, "a.two": 20.0, "a.rests": 0.0, "a.monitored": 0.0}
TERMS = collect_term_values(StageStub(), ROWS, MEANS, WEIGHTS, 3)


def weigh(make):
    class Planted(Weighting):
        def factors(self, gradients, terms):
            return make(gradients, terms)

    return Planted()


def test_values_are_those_of_the_rows_in_their_order():
    assert TERMS.labels == ("a.one", "a.two")
    assert TERMS.positions.tolist() == [2, 0]
    assert TERMS.values.tolist() == [0.5, 2.0]
    assert TERMS.weights.tolist() == [10.0, 20.0]
    assert (TERMS.step, TERMS.clock) == (3, Clock(4, 2))


def test_factors_multiply_the_rows_by_hand():
    weighting = weigh(lambda rows, terms: terms.weights / 10)
    aggregated = aggregate_gradients(weighting, "mine", ROWS, TERMS)
    assert aggregated.gradient.tolist() == [3.0, 8.0, 3.0]
    assert aggregated.factors.tolist() == [1.0, 2.0]
    assert torch.equal(weighting(torch.stack([*ROWS.values()]), TERMS), aggregated.gradient)
    note = describe_aggregator(weighting, "mine", ROWS, TERMS)
    assert "multiplies the terms' gradients by factors, at first 1 for a.one, 2 for a.two: cosine" in note


def test_an_aggregator_that_reads_terms_may_return_a_gradient():
    class Loudest(Aggregator):
        reads_terms = True

        def forward(self, gradients, terms):
            return gradients[terms.values.argmax()]

    aggregated = aggregate_gradients(Loudest(), "loudest", ROWS, TERMS)
    assert torch.equal(aggregated.gradient, ROWS["a.two"])
    assert aggregated.factors is None


def test_values_that_are_not_finite_are_never_seen():
    terms = collect_term_values(StageStub(), ROWS, {**MEANS, "a.one": float("nan")}, WEIGHTS, 3)
    aggregated = aggregate_gradients(weigh(lambda rows, terms: pytest.fail("it was called")), "mine", ROWS, terms)
    assert aggregated.gradient.tolist() == [3.0, 4.0, 2.0]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda rows, terms: rows.sum(0), "must return factors torch.float32 (2,) for torch.float32 (2, 3), got"),
        (lambda rows, terms: [1.0, 1.0], "got list"),
        (lambda rows, terms: terms.values.double(), "got torch.float64 (2,)"),
        (lambda rows, terms: terms.values - 1, "aggregator 'mine' gives a term a negative factor: [-0.5, 1.0]"),
    ],
)
def test_wrong_factors_are_told_before_the_first_step(make, told):
    with pytest.raises(PluginError) as caught:
        describe_aggregator(weigh(make), "mine", ROWS, TERMS)
    assert told in str(caught.value)
