"""Attention maps by hand, and the loss of the paper on maps of length 1."""

import pytest
import torch
from torch.nn import functional as F
from zerokd_distill.attention_transfer import AttentionTransfer, attention_transfer


def test_two_pixels_by_hand():
    """Activities (9, 16) and (1, 1): maps of mean square 1."""
    student, teacher = torch.tensor([3.0, 4.0]).view(1, 1, 1, 2), torch.tensor([1.0, 1.0]).view(1, 1, 1, 2)
    scale = ((81 + 256) / 2) ** 0.5
    expected = ((9 / scale - 1) ** 2 + (16 / scale - 1) ** 2) / 2
    assert attention_transfer(student, teacher).item() == pytest.approx(expected)


def test_it_is_the_squared_distance_of_maps_of_length_one():
    student, teacher = torch.rand(2, 4, 3, 5, dtype=torch.float64), torch.rand(2, 7, 3, 5, dtype=torch.float64)
    first, second = (F.normalize(features.square().sum(dim=1).flatten(1)) for features in (student, teacher))
    values = AttentionTransfer()(student=student, teacher=teacher)
    torch.testing.assert_close(values, (first - second).square().sum(dim=1))


def test_the_larger_activity_is_averaged():
    student = torch.tensor([1.0, 3.0, 2.0, 2.0]).view(1, 1, 1, 4)  # activities 1, 9, 4, 4: means 5 and 4
    teacher = torch.tensor([5.0, 4.0]).sqrt().view(1, 1, 1, 2)
    assert attention_transfer(student, teacher).item() == pytest.approx(0.0, abs=1e-6)


def test_a_silent_layer_has_a_finite_gradient():
    student = torch.zeros(1, 2, 3, 3, requires_grad=True)
    attention_transfer(student, torch.rand(1, 2, 3, 3)).sum().backward()
    assert torch.isfinite(student.grad).all()
