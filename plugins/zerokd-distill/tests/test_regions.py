"""Regions and products by hand."""

import pytest
import torch
from zerokd_distill.regions import multiply_by_transpose, pair_regions, pool_to_smaller, widen


def test_regions_are_means_of_pixels():
    features = torch.arange(16.0).view(1, 1, 4, 4)
    first, second = pair_regions(features, torch.ones(1, 3, 2, 9), side=2)
    assert first.flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert torch.equal(second, torch.ones(1, 4, 3))


def test_there_are_no_more_regions_than_pixels():
    first, second = pair_regions(torch.rand(2, 4, 3, 8), torch.rand(2, 5, 8, 8), side=6)
    assert (first.shape, second.shape) == ((2, 18, 4), (2, 18, 5))


def test_the_larger_map_is_averaged():
    first, second = pool_to_smaller(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2), torch.ones(1, 2, 1, 1))
    assert first.tolist() == [[[[2.0]]]]
    assert torch.equal(second, torch.ones(1, 2, 1, 1))


def test_products_by_hand_also_under_autocast():
    first, second = torch.tensor([[[1.0, 2.0], [0.0, 1.001]]]), torch.tensor([[[3.0, 4.0]]])
    expected = [[[11.0], [pytest.approx(4.004, rel=1e-6)]]]
    assert multiply_by_transpose(first, second).tolist() == expected
    with torch.autocast("cpu", torch.bfloat16):
        assert multiply_by_transpose(first, second).tolist() == expected


def test_half_precision_is_widened():
    assert widen(torch.ones(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert widen(torch.ones(1, dtype=torch.float64)).dtype == torch.float64
