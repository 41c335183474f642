"""Similarities of regions by hand, and the loss of the paper on the same rows."""

import pytest
import torch
from torch.nn import functional as F

from zerokd import Signal
from zerokd.adapters.pairwise_similarity import PairwiseSimilarity, pairwise_similarity
from zerokd.losses.mse import mse


def test_two_pixels_by_hand():
    features = torch.tensor([[1.0, 1.0], [0.0, 1.0]]).view(1, 2, 1, 2)  # products 1, 1 and 1, 2
    first, second = pairwise_similarity(features, (1, 2)).view(2, 2).tolist()
    assert first == pytest.approx([0.5**0.5, 0.5**0.5])
    assert second == pytest.approx([0.2**0.5, 0.8**0.5])


def test_its_mean_squared_difference_is_the_loss_of_the_paper():
    """Rows of features, their products scaled to length 1, and the squared difference over their number squared."""
    student, teacher = torch.rand(1, 4, 3, 2, dtype=torch.float64), torch.rand(1, 7, 3, 2, dtype=torch.float64)
    rows = [features[0].flatten(1).T for features in (student, teacher)]
    first, second = (F.normalize(row @ row.T) for row in rows)
    expected = (first - second).square().sum() / 6**2
    adapted = PairwiseSimilarity()({"student": student, "teacher": teacher})
    assert mse(adapted["student"], adapted["teacher"]).item() == pytest.approx(expected.item(), rel=1e-9)


def test_regions_are_means_of_pixels():
    features = torch.rand(1, 2, 4, 8)
    pooled = features.view(1, 2, 2, 2, 2, 4).mean(dim=(3, 5))
    torch.testing.assert_close(pairwise_similarity(features, (2, 2)), pairwise_similarity(pooled, (2, 2)))


def test_features_of_zero_have_a_finite_gradient():
    features = torch.zeros(1, 2, 2, 2, requires_grad=True)
    pairwise_similarity(features, (2, 2)).sum().backward()
    assert torch.isfinite(features.grad).all()


def test_all_tensors_have_as_many_regions_as_the_smallest_allows():
    signals = {"student": Signal((4, 3, 9), (0.0, 1.0)), "teacher": Signal((6, 5, 16))}
    adapter = PairwiseSimilarity(side=4)
    assert adapter.describe(signals) == dict.fromkeys(signals, Signal((1, 12, 12), (-1.0, 1.0)))
    assert adapter({"teacher": torch.rand(2, 6, 5, 16)})["teacher"].shape == (2, 1, 12, 12)
