"""Converted curve maps: hand-computed values, and equal curves on dark pixels."""

import pytest
import torch

from zerokd import Signal
from zerokd.adapters.match_iterations import MatchIterations, match_iterations
from zerokd.models.le_curve import le_curve


@pytest.mark.parametrize(
    ("source", "target", "curve_map", "expected"),
    [
        (8, 4, -0.2, -0.44),  # 1 - 1.2^2
        (8, 4, 0.0, 0.0),
        (8, 4, 0.5, 0.75),  # 1 - 0.5^2
        (8, 4, -0.41, -0.9881),
        (8, 4, -0.42, -1.0),  # 1 - 1.42^2 = -1.0164, out of a curve map's range
        (8, 4, -1.0, -1.0),
        (4, 8, -0.44, -0.2),
        (4, 8, 0.75, 0.5),
        (8, 2, -0.1, -0.4641),  # 1 - 1.1^4
    ],
)
def test_values_by_hand(source, target, curve_map, expected):
    converted = match_iterations(torch.tensor(curve_map, dtype=torch.float64), source, target)
    assert converted.item() == pytest.approx(expected, abs=1e-12)


def test_equal_counts_change_nothing():
    curve_map = torch.rand(1, 3, 4, 4)
    assert torch.equal(match_iterations(curve_map, 8, 8), curve_map)


@pytest.mark.parametrize(("source", "target"), [(8, 4), (4, 8), (8, 3)])
def test_both_curves_agree_on_dark_pixels(source, target):
    reach = 2 ** min(target / source, 1) - 1  # beyond it the conversion clamps
    curve_map = torch.linspace(-0.99 * reach, 0.5, 50, dtype=torch.float64)
    low = torch.full_like(curve_map, 1e-6)
    converted = le_curve(low, match_iterations(curve_map, source, target), target)
    torch.testing.assert_close(converted, le_curve(low, curve_map, source), rtol=1e-3, atol=0)


@pytest.mark.parametrize(("source", "target"), [(8, 4), (4, 8)])
def test_values_and_gradients_are_finite_over_the_whole_range(source, target):
    curve_map = torch.linspace(-1, 1, 41, requires_grad=True)
    converted = match_iterations(curve_map, source, target)
    converted.sum().backward()
    assert converted.min() >= -1
    assert converted.max() <= 1
    assert (converted.diff() >= 0).all()
    assert torch.isfinite(curve_map.grad).all()


def test_every_port_is_converted_to_the_count_of_the_first():
    adapter = MatchIterations()
    shape, limits = (3, 2, 2), (-1.0, 1.0)
    signals = {
        "student": Signal(shape, limits, iterations=4),
        "positive": Signal(shape, limits, iterations=8),
        "negative": Signal(shape, limits, iterations=4),
    }
    described = adapter.describe(signals)
    assert described == dict.fromkeys(signals, Signal(shape, limits, iterations=4))
    adapted = adapter({port: torch.full((1, *shape), -0.2, dtype=torch.float64) for port in signals})
    means = {port: round(value.mean().item(), 12) for port, value in adapted.items()}
    assert means == {"student": -0.2, "positive": -0.44, "negative": -0.2}


def test_a_signal_that_is_no_curve_map_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match="teacher is not one; bind a curve_map to it"):
        MatchIterations().describe({"student": Signal(iterations=4), "teacher": Signal(range=(0.0, 1.0))})


def test_forward_without_describe_says_what_is_missing():
    with pytest.raises(RuntimeError, match="describe"):
        MatchIterations()({"student": torch.zeros(1, 3, 2, 2)})
