"""The Laplacian of a blur by hand."""

import pytest
import torch
from zerokd_frequency.edge import Edge, edge, laplacian


def test_the_laplacian_of_one_pixel_by_hand():
    image = torch.zeros(1, 1, 3, 3)
    image[..., 1, 1] = 1.0
    assert laplacian(image)[0, 0].tolist() == [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]


def test_one_column_by_hand():
    """A column of 16 is blurred to 11, 5, 1, 0, whose Laplacian is -6, 2, 3, 1."""
    image = torch.zeros(1, 1, 3, 4)
    image[..., 0] = 16.0
    epsilon = 0.5
    expected = sum((value**2 + epsilon**2) ** 0.5 - epsilon for value in (-6, 2, 3, 1)) / 4
    assert edge(image, torch.zeros_like(image), epsilon).item() == pytest.approx(expected)


def test_shading_does_not_count_inside():
    ramp = torch.linspace(0, 1, 9, dtype=torch.float64).expand(1, 3, 9, 9)
    assert not laplacian(ramp)[..., 1:-1].abs().gt(1e-12).any()
    assert Edge()(prediction=ramp + 0.3, target=ramp).item() == pytest.approx(0.0, abs=1e-12)
