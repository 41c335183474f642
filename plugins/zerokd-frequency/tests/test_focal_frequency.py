"""Weighted spectra by hand, by NumPy, and the squared error that they become."""

import numpy as np
import pytest
import torch
from zerokd_frequency.focal_frequency import FocalFrequency, focal_frequency


def test_two_frequencies_by_hand():
    """The difference (3, 1) has the spectrum (4, 2) / sqrt(2): powers 8 and 2, weights 1 and 1/2."""
    prediction = torch.tensor([3.0, 1.0]).view(1, 1, 1, 2)
    assert focal_frequency(prediction, torch.zeros(1, 1, 1, 2)).item() == pytest.approx((8 + 0.5 * 2) / 2)
    assert focal_frequency(prediction, torch.zeros(1, 1, 1, 2), alpha=2.0).item() == pytest.approx((8 + 2 / 4) / 2)


def test_without_weight_it_is_the_mean_squared_error():
    prediction, target = torch.rand(2, 3, 3, 5, 6, dtype=torch.float64)
    expected = (prediction - target).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(focal_frequency(prediction, target, alpha=0.0), expected)


def test_numpy_computes_alike():
    prediction, target = np.random.default_rng(0).random((2, 2, 3, 5, 6))
    distance = np.abs(np.fft.fft2(prediction, norm="ortho") - np.fft.fft2(target, norm="ortho"))
    weight = distance / distance.max(axis=(2, 3), keepdims=True)
    values = FocalFrequency()(prediction=torch.from_numpy(prediction), target=torch.from_numpy(target))
    np.testing.assert_allclose(values.numpy(), (weight * distance**2).mean(axis=(1, 2, 3)), rtol=1e-12)


def test_the_weight_has_no_gradient():
    """With a constant weight of 1 in its only frequency, the gradient is that of the squared error."""
    prediction = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
    focal_frequency(prediction, torch.zeros(1, 1, 2, 2)).sum().backward()
    torch.testing.assert_close(prediction.grad, torch.full((1, 1, 2, 2), 2 * 0.5 / 4))


def test_equal_images_have_a_finite_gradient():
    prediction = torch.rand(1, 3, 4, 4, requires_grad=True)
    focal_frequency(prediction, prediction.detach()).sum().backward()
    assert not prediction.grad.any()
