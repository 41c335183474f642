"""Bands by hand, and their energy."""

import pytest
import torch
from zerokd_frequency.haar import Haar, haar, haar_bands


def test_bands_of_one_block_by_hand():
    block = torch.tensor([[8.0, 4.0], [2.0, 6.0]]).view(1, 1, 2, 2)
    assert [band.item() for band in haar_bands(block)] == [5.0, 0.0, 1.0, 2.0]


def test_one_level_by_hand():
    block = torch.tensor([[8.0, 4.0], [2.0, 6.0]]).view(1, 1, 2, 2)
    assert haar(block, torch.zeros(1, 1, 2, 2), levels=1).item() == pytest.approx((5 + 0 + 1 + 2) / 4)


def test_a_constant_is_in_the_last_mean_alone():
    values = Haar(levels=2)(prediction=torch.full((2, 3, 8, 4), 0.7), target=torch.zeros(2, 3, 8, 4))
    assert values.tolist() == pytest.approx([0.7 / 7] * 2)


def test_the_transform_keeps_energy_and_repeats_an_odd_border():
    image = torch.rand(1, 2, 6, 8, dtype=torch.float64)
    energy = 4 * sum(band.square().sum() for band in haar_bands(image))
    torch.testing.assert_close(energy, image.square().sum())
    odd = image[..., :5, :7]
    assert torch.equal(haar_bands(odd)[0][..., -1, -1], odd[..., -1, -1])
