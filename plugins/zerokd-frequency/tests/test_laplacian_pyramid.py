"""Levels of a pyramid by hand."""

import numpy as np
import pytest
import torch
from zerokd_frequency.laplacian_pyramid import LaplacianPyramid, blur, laplacian_pyramid


def test_a_constant_is_in_the_last_level_alone():
    values = laplacian_pyramid(torch.full((2, 3, 16, 8), 0.5), torch.zeros(2, 3, 16, 8), levels=3)
    assert values.tolist() == pytest.approx([0.5 / 4] * 2)


def test_one_bright_pixel_is_blurred_by_hand():
    image = torch.zeros(1, 1, 5, 5)
    image[..., 2, 2] = 256.0
    expected = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    np.testing.assert_allclose(blur(image)[0, 0].numpy(), expected, rtol=1e-6)


def test_one_level_by_hand():
    """A column of 16 at the left of 2x4: blurred to 11, 5, 1, 0; halved to 11, 1; enlarged to 11, 8.5, 3.5, 1."""
    image = torch.zeros(1, 1, 2, 4)
    image[..., 0] = 16.0
    assert blur(image)[0, 0, 0].tolist() == [11.0, 5.0, 1.0, 0.0]
    detail = (5 + 8.5 + 3.5 + 1) / 4
    values = LaplacianPyramid(levels=1)(prediction=image, target=torch.zeros_like(image))
    assert values.item() == pytest.approx((detail + 6) / 2)


def test_it_is_symmetric():
    first, second = torch.rand(2, 1, 3, 12, 9, dtype=torch.float64)
    torch.testing.assert_close(laplacian_pyramid(first, second), laplacian_pyramid(second, first))
