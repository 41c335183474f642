"""The curve against hand-computed numbers, the released formula's figures and its own guarantees."""

import pytest
import torch

from zerokd.models.le_curve import le_curve


def wave(k: int, lo: float, hi: float) -> torch.Tensor:
    """The closed-form image that the released formulas were run on, (2, 3, 64, 48)."""
    n, c, i, j = (
        torch.arange(size, dtype=torch.float64).view([-1 if axis == own else 1 for axis in range(4)])
        for own, size in enumerate((2, 3, 64, 48))
    )
    stage = 0.37 * (k + 1) + 0.11 * (n + 1) * i + 0.07 * (c + 1) * j + 0.9 * n + 0.5 * c
    return lo + (hi - lo) * (0.5 + 0.5 * torch.sin(stage))


@pytest.mark.parametrize(
    ("iterations", "mean"),
    [(4, [0.3713380686970074, 0.3660847595028678]), (8, [0.5361922336067734, 0.5326323542899092])],
)
def test_means_of_the_released_formula(iterations, mean):
    enhanced = le_curve(wave(0, 0.0, 0.3), wave(3, -0.9, 0.1), iterations)
    torch.testing.assert_close(enhanced.mean((1, 2, 3)), torch.tensor(mean, dtype=torch.float64), rtol=0, atol=1e-12)


def test_full_brightening_has_a_closed_form():
    x = torch.linspace(0, 1, 11, dtype=torch.float64)  # a = -1: 1 - x is squared each time
    torch.testing.assert_close(le_curve(x, torch.tensor(-1.0), 3), 1 - (1 - x) ** 8)


def test_full_darkening_has_a_closed_form():
    x = torch.linspace(0, 1, 11, dtype=torch.float64)  # a = 1: x is squared each time
    torch.testing.assert_close(le_curve(x, torch.tensor(1.0), 3), x**8)


def test_zero_map_and_zero_iterations_change_nothing():
    x = torch.rand(2, 3, 4, 5)
    assert torch.equal(le_curve(x, torch.zeros_like(x), 8), x)
    assert torch.equal(le_curve(x, torch.ones_like(x), 0), x)


@pytest.mark.parametrize("a", [-1.0, -0.4, 0.4, 1.0])
def test_order_and_ends_are_kept(a):
    y = le_curve(torch.linspace(0, 1, 257, dtype=torch.float64), torch.tensor(a, dtype=torch.float64), 8)
    assert (y[0], y[-1]) == (0, 1)
    assert (y.diff() >= 0).all()


def test_inputs_stay_as_they_were():
    x, a = torch.rand(1, 3, 4, 4), -torch.rand(1, 3, 4, 4)
    saved = x.clone(), a.clone()
    le_curve(x, a, 4)
    assert torch.equal(x, saved[0])
    assert torch.equal(a, saved[1])
