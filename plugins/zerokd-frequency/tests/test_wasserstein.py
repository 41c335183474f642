"""Sorted values by hand, and by SciPy."""

import pytest
import torch
from scipy.stats import wasserstein_distance
from zerokd_frequency.wasserstein import Wasserstein, wasserstein


def test_two_histograms_by_hand():
    prediction = torch.tensor([0.9, 0.1, 0.5, 0.5]).view(1, 1, 2, 2)
    target = torch.tensor([0.2, 0.5, 0.4, 0.1]).view(1, 1, 2, 2)
    assert wasserstein(prediction, target).item() == pytest.approx((0.0 + 0.3 + 0.1 + 0.4) / 4)


def test_scipy_computes_alike():
    prediction, target = torch.rand(2, 2, 3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values = Wasserstein()(prediction=prediction, target=target)
    for image in range(2):
        pairs = zip(prediction[image].flatten(1).numpy(), target[image].flatten(1).numpy(), strict=True)
        expected = sum(wasserstein_distance(*pair) for pair in pairs) / 3
        assert values[image].item() == pytest.approx(expected, rel=1e-12)


def test_a_shuffled_image_is_as_good_as_the_target():
    image = torch.rand(1, 3, 4, 4)
    assert not wasserstein(image.flatten(2)[..., torch.randperm(16)].view(1, 3, 4, 4), image).any()
