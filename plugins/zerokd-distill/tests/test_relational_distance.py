"""Distances of three regions by hand, and what does not change them."""

import pytest
import torch
from torch.nn import functional as F
from zerokd_distill.relational_distance import RelationalDistance, relational_distance


def test_three_regions_by_hand():
    """Distances 1, 2, 1 and 1, 0, 1, over their means 4/3 and 2/3: differences 3/4, 3/2, 3/4."""
    student, teacher = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, 0.0]]).view(2, 1, 1, 1, 3)
    expected = (0.5 * 0.75**2 + (1.5 - 0.5) + 0.5 * 0.75**2) / 3
    assert relational_distance(student, teacher).item() == pytest.approx(expected, rel=1e-5)


def test_pytorch_computes_the_same_distances():
    student, teacher = torch.rand(1, 3, 2, 3, dtype=torch.float64), torch.rand(1, 7, 2, 3, dtype=torch.float64)
    distances = [F.pdist(features[0].flatten(1).T) for features in (student, teacher)]
    first, second = (distance / distance.mean() for distance in distances)
    expected = F.huber_loss(first, second)
    value = RelationalDistance()(student=student, teacher=teacher)
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)


def test_scale_shift_and_rotation_do_not_count():
    features = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    turned = torch.stack([0.6 * features[:, 0] - 0.8 * features[:, 1], 0.8 * features[:, 0] + 0.6 * features[:, 1]], 1)
    assert relational_distance(3 * turned + 5, features).item() == pytest.approx(0.0, abs=1e-9)


def test_a_flat_image_has_a_finite_gradient():
    student = torch.full((1, 2, 4, 4), 0.5, requires_grad=True)
    relational_distance(student, torch.rand(1, 2, 4, 4)).sum().backward()
    assert torch.isfinite(student.grad).all()
