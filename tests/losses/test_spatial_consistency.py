"""Spatial consistency: the golden figure, the released four convolutions, flat images, and both paddings."""

import pytest
import torch
from torch.nn import functional as F

from zerokd.losses.spatial_consistency import SpatialConsistency, spatial_consistency


def random_pair(height=24, width=20):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 2, 3, height, width, dtype=torch.float64, generator=generator).unbind(0)


def test_golden(golden):
    value = SpatialConsistency()(low=golden["low"], enhanced=golden["enh"])
    torch.testing.assert_close(value, golden.values("spatial_consistency"), atol=1e-6, rtol=0)


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_against_four_difference_kernels(padding):
    low, enhanced = random_pair()
    expected = 0
    for offset in [(0, 1), (2, 1), (1, 0), (1, 2)]:
        kernel = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
        kernel[0, 0, 1, 1], kernel[(0, 0, *offset)] = 1.0, -1.0
        mode = {"zeros": "constant", "replicate": "replicate"}[padding]
        neighbour, center = (
            F.conv2d(F.pad(F.avg_pool2d(image, 4).mean(1, keepdim=True), (1, 1, 1, 1), mode), kernel)
            for image in (low, enhanced)
        )
        expected = expected + (neighbour - center) ** 2
    value = spatial_consistency(low, enhanced, padding)
    torch.testing.assert_close(value, expected.mean(dim=(1, 2, 3)))


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_equal_images_have_none_and_order_does_not_matter(padding):
    low, enhanced = random_pair()
    assert spatial_consistency(low, low, padding).abs().max() == 0
    swapped = spatial_consistency(enhanced, low, padding)
    torch.testing.assert_close(swapped, spatial_consistency(low, enhanced, padding))


@pytest.mark.parametrize("cells", [(1, 1), (2, 2), (3, 5)])
def test_brightening_by_a_constant_costs_at_the_border_only(cells):
    low = torch.zeros(1, 3, 4 * cells[0], 4 * cells[1], dtype=torch.float64)
    edges = 2 * (cells[0] + cells[1])
    value = spatial_consistency(low, low + 0.5)
    assert value.item() == pytest.approx(0.25 * edges / (cells[0] * cells[1]))
    assert spatial_consistency(low, low + 0.5, "replicate").item() == 0


def test_the_greatest_value_nears_the_bound():
    rows, columns = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    board = ((rows + columns) % 2).double().repeat_interleave(4, 0).repeat_interleave(4, 1).expand(1, 3, -1, -1)
    value = spatial_consistency(board, 1 - board).item()
    assert 15 < value < SpatialConsistency.bounds[1]


def test_min_size_leaves_a_neighbour():
    assert SpatialConsistency().min_size() == 4
    assert SpatialConsistency(padding="replicate").min_size() == 8
