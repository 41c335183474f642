"""PCGrad by hand, and against its algorithm written out."""

import itertools

import numpy as np
import pytest
import torch
from zerokd_torchjd.pcgrad import Pcgrad


def surgery(value, orders):
    """Algorithm 1 of the paper, in numpy, with an order of the others for each term."""
    total = np.zeros(value.shape[1])
    for t, order in enumerate(orders):
        saved = value[t].copy()
        for s in order:
            inner = saved @ value[s]
            if s != t and inner < 0:
                saved -= inner / (value[s] @ value[s]) * value[s]
        total += saved
    return total


def rows(seed, terms=3, parameters=5):
    return torch.randn(terms, parameters, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([[1.0, 0.0], [0.0, 2.0]], [1.0, 2.0]),
        ([[1.0, 0.0], [-1.0, 1.0]], [0.5, 1.5]),
        ([[1.0, 0.0], [-2.0, 0.0]], [0.0, 0.0]),
        ([[0.0, 0.0], [0.0, 3.0]], [0.0, 3.0]),
    ],
)
def test_by_hand(value, expected):
    result = Pcgrad()(torch.tensor(value, dtype=torch.float64))
    torch.testing.assert_close(result, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_algorithm_in_one_of_its_orders(seed):
    value = rows(seed)
    result = Pcgrad()(value).numpy()
    ways = itertools.product(itertools.permutations(range(3)), repeat=3)
    assert any(np.allclose(result, surgery(value.numpy(), orders)) for orders in ways)


def test_the_order_follows_the_seed_and_the_gradients():
    results = {tuple(Pcgrad(seed=seed)(rows(5, terms=4)).tolist()) for seed in range(30)}
    assert len(results) > 1
    assert torch.equal(Pcgrad(seed=3)(rows(5)), Pcgrad(seed=3)(rows(5)))


def test_where_nothing_conflicts_it_is_the_plain_sum():
    value = rows(3).abs()
    torch.testing.assert_close(Pcgrad()(value), value.sum(0))
