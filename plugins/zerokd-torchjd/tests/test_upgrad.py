"""UPGrad by hand, by brute force, and by what it promises."""

import itertools

import pytest
import torch
from zerokd_torchjd.upgrad import Upgrad


def rows(seed, terms=4, parameters=6):
    return torch.randn(terms, parameters, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def projected(row, all_rows):
    """Onto the cone where no inner product is negative: the best of all ways to make some of them 0 (KKT)."""
    best, distance = None, float("inf")
    count = len(all_rows)
    for size in range(count + 1):
        for active in itertools.combinations(range(count), size):
            wall = all_rows[list(active)]
            result = row - wall.T @ torch.linalg.lstsq(wall.T, row.unsqueeze(1)).solution.squeeze(1) if size else row
            inside = (all_rows @ result >= -1e-9).all()
            if inside and (row - result).norm() < distance:
                best, distance = result, (row - result).norm()
    return best


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([[1.0, 0.0], [0.0, 2.0]], [1.0, 2.0]),
        ([[1.0, 0.0], [1.0, 0.0]], [2.0, 0.0]),
        ([[1.0, 0.0], [-1.0, 1.0]], [0.5, 1.5]),
        ([[1.0, 0.0], [-2.0, 0.0]], [0.0, 0.0]),
        ([[0.0, 0.0], [0.0, 3.0]], [0.0, 3.0]),
    ],
)
def test_by_hand(value, expected):
    result = Upgrad()(torch.tensor(value, dtype=torch.float64))
    torch.testing.assert_close(result, torch.tensor(expected, dtype=torch.float64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("seed", range(12))
def test_against_brute_force(seed):
    value = rows(seed)
    expected = sum(projected(row, value) for row in value)
    torch.testing.assert_close(Upgrad()(value), expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_no_term_is_harmed_at_any_scale(seed, scale):
    value = scale * rows(seed, terms=5, parameters=9)
    result = Upgrad()(value)
    assert (value @ result >= -1e-5 * value.norm() * result.norm()).all()


def test_where_nothing_conflicts_it_is_the_plain_sum():
    value = rows(3).abs()
    torch.testing.assert_close(Upgrad()(value), value.sum(0), atol=1e-6, rtol=1e-6)
