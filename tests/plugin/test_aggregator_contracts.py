"""What an author of an aggregator gets from the contract."""

import pytest
import torch

import zerokd

CLOCK = zerokd.Clock(steps=4, steps_per_epoch=2)
ROWS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
TERMS = zerokd.TermValues(
    ("a.one", "a.two"), torch.tensor([0, 1]), torch.tensor([2.0, 3.0]), torch.ones(2), 0, CLOCK
)  # fmt: skip


def test_an_aggregator_reads_gradients_alone_unless_it_declares_more():
    assert not zerokd.Aggregator.reads_terms
    assert not zerokd.Aggregator.nonnegative_values
    assert zerokd.Weighting.reads_terms
    assert issubclass(zerokd.Weighting, zerokd.Aggregator)


def test_starting_changes_nothing_by_default():
    class Plain(zerokd.Aggregator):
        pass

    aggregator = Plain()
    aggregator.start(["a.one"], CLOCK)
    assert aggregator.state_dict() == {}


def test_a_weighting_is_the_sum_of_rows_times_factors():
    class Values(zerokd.Weighting):
        def factors(self, gradients, terms):
            return terms.values

    assert Values()(ROWS, TERMS).tolist() == [2.0, 3.0]
    with pytest.raises(NotImplementedError):
        zerokd.Weighting()(ROWS, TERMS)
