"""What an aggregator makes is followed, is its own fault, and is tried first."""

import pytest
import torch

from zerokd import Aggregator
from zerokd.errors import PluginError
from zerokd.objective.aggregation import aggregate_gradients, describe_aggregator

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
