"""Magnitudes by hand, by NumPy, and blind to a shift."""

import numpy as np
import pytest
import torch
from zerokd_frequency.fourier_magnitude import FourierMagnitude, fourier_magnitude


def test_a_constant_by_hand():
    values = fourier_magnitude(torch.full((1, 3, 4, 4), 0.75), torch.full((1, 3, 4, 4), 0.25))
    assert values.item() == pytest.approx(0.5 * 4 / 16)


def test_numpy_computes_alike():
    prediction, target = np.random.default_rng(0).random((2, 2, 3, 5, 6))
    first, second = (np.abs(np.fft.fft2(image)) / np.sqrt(30) for image in (prediction, target))
    values = FourierMagnitude()(prediction=torch.from_numpy(prediction), target=torch.from_numpy(target))
    np.testing.assert_allclose(values.numpy(), np.abs(first - second).mean(axis=(1, 2, 3)), rtol=1e-12)


def test_a_shifted_image_is_as_good_as_the_target():
    image = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    assert fourier_magnitude(image.roll((3, 5), (2, 3)), image).item() == pytest.approx(0.0, abs=1e-12)
