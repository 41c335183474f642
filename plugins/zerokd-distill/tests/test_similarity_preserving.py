"""Similarities of two regions by hand, and the loss of the paper on the same rows."""

import pytest
import torch
from torch.nn import functional as F
from zerokd_distill.similarity_preserving import SimilarityPreserving, similarity_preserving


def test_two_regions_by_hand():
    """Products (1, 0; 0, 0) stay; products of ones become rows of (1, 1) / sqrt(2)."""
    student, teacher = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2), torch.ones(1, 1, 1, 2)
    root = 0.5**0.5
    expected = ((1 - root) ** 2 + 3 * root**2) / 4
    assert similarity_preserving(student, teacher).item() == pytest.approx(expected)


def test_it_is_the_loss_of_the_paper_with_regions_as_images():
    student, teacher = torch.rand(1, 4, 3, 2, dtype=torch.float64), torch.rand(1, 7, 3, 2, dtype=torch.float64)
    rows = [features[0].flatten(1).T for features in (student, teacher)]
    first, second = (F.normalize(row @ row.T) for row in rows)
    value = SimilarityPreserving()(student=student, teacher=teacher)
    assert value.item() == pytest.approx(((first - second).square().sum() / 6**2).item(), rel=1e-9)


def test_features_of_zero_have_a_finite_gradient():
    student = torch.zeros(1, 2, 4, 4, requires_grad=True)
    similarity_preserving(student, torch.rand(1, 2, 4, 4)).sum().backward()
    assert torch.isfinite(student.grad).all()
