"""Spectra by hand, and by NumPy."""

import numpy as np
import pytest
import torch
from zerokd_frequency.fourier import Fourier, fourier


def test_a_constant_difference_is_in_one_frequency():
    values = fourier(torch.full((2, 3, 4, 8), 0.5), torch.zeros(2, 3, 4, 8))
    assert values.tolist() == pytest.approx([0.5 * 32**0.5 / 32 / 2] * 2)


def test_numpy_computes_alike():
    prediction, target = np.random.default_rng(0).random((2, 2, 3, 5, 6))
    spectrum = np.fft.fft2(prediction - target) / np.sqrt(30)
    expected = (np.abs(spectrum.real) + np.abs(spectrum.imag)).mean(axis=(1, 2, 3)) / 2
    values = Fourier()(prediction=torch.from_numpy(prediction), target=torch.from_numpy(target))
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-12)


def test_noise_of_any_size_has_one_value():
    small, large = (
        fourier(
            torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 1, side, side)
        )
        for side in (32, 256)
    )
    assert small.item() == pytest.approx(large.item(), rel=0.05)
