"""Mean and variance by hand, and the correlation that their difference measures."""

import pytest
import torch

from zerokd import Signal
from zerokd.adapters.normalize import Normalize, normalize


def test_each_channel_by_hand():
    features = torch.tensor([[1.0, 5.0], [10.0, 30.0]]).view(1, 2, 1, 2)
    assert normalize(features, epsilon=1e-12).flatten().tolist() == pytest.approx([-1.0, 1.0, -1.0, 1.0])


def test_all_channels_together_by_hand():
    features = torch.tensor([0.0, 4.0]).view(1, 2, 1, 1)
    assert normalize(features, over="all", epsilon=1e-12).flatten().tolist() == pytest.approx([-1.0, 1.0])


def test_the_mean_squared_difference_is_two_minus_twice_the_correlation():
    first, second = torch.rand(2, 1, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    difference = (normalize(first, epsilon=1e-15) - normalize(3 * second - 7, epsilon=1e-15)).square().mean()
    correlation = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]
    assert difference.item() == pytest.approx(2 - 2 * correlation.item(), rel=1e-9)


def test_a_flat_channel_becomes_zero_with_a_finite_gradient():
    features = torch.full((1, 1, 2, 2), 3.0, requires_grad=True)
    normalized = Normalize()({"student": features})["student"]
    normalized.sum().backward()
    assert not normalized.any()
    assert torch.isfinite(features.grad).all()


def test_describe_removes_the_range():
    signals = {"student": Signal((3, 4, 4), (0.0, 1.0), unchanged=0.5)}
    assert Normalize().describe(signals) == {"student": Signal((3, 4, 4))}
