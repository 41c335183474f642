"""The map by hand, and the loss of the paper that its difference is."""

import pytest
import torch
from torch.nn import functional as F

from zerokd import Signal
from zerokd.adapters.attention_map import AttentionMap, attention_map
from zerokd.losses.mse import mse


def test_a_map_by_hand():
    features = torch.tensor([[3.0, 0.0], [1.0, 2.0]]).view(1, 2, 1, 2)  # activities 5 and 2
    scale = ((25 + 4) / 2) ** 0.5
    assert attention_map(features).flatten().tolist() == pytest.approx([5 / scale, 2 / scale])
    assert attention_map(features, power=1.0).flatten().tolist() == pytest.approx([4 / 10**0.5, 2 / 10**0.5])


def test_its_squared_difference_is_that_of_the_paper():
    """The paper: the squared length of the difference of two maps of length 1."""
    student, teacher = torch.rand(1, 4, 3, 5, dtype=torch.float64), torch.rand(1, 7, 3, 5, dtype=torch.float64)
    first, second = (F.normalize(features.square().sum(dim=1).flatten(1)) for features in (student, teacher))
    expected = (first - second).square().sum()
    adapted = AttentionMap()({"student": student, "teacher": teacher})
    assert mse(adapted["student"], adapted["teacher"]).item() == pytest.approx(expected.item(), rel=1e-9)


def test_a_layer_without_activity_has_a_finite_gradient():
    features = torch.zeros(1, 2, 2, 2, requires_grad=True)
    attention_map(features).sum().backward()
    assert torch.isfinite(features.grad).all()


def test_describe_says_what_forward_returns():
    assert AttentionMap().describe({"student": Signal((4, 6, 5), (-1.0, 1.0))}) == {"student": Signal((1, 6, 5))}
