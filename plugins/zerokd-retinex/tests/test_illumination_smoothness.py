"""Illumination smoothness: by hand, against a loop over pixels, and what it lets an edge of the input do."""

import colorsys
import math

import pytest
import torch
from zerokd_retinex.illumination_smoothness import (
    IlluminationSmoothness,
    half_window_offsets,
    illumination_smoothness,
)


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def yuv(r, g, b):
    """The usual matrix, rounded as it is printed everywhere."""
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return y, -0.14713 * r - 0.28886 * g + 0.436 * b, 0.615 * r - 0.51499 * g - 0.10001 * b


def by_loop(x, low, radius, sigma):
    """One image, every ordered pair, pixel by pixel."""
    channels, height, width = x.shape
    terms = []
    for i in range(height):
        for j in range(width):
            for k in range(max(0, i - radius), min(height, i + radius + 1)):
                for m in range(max(0, j - radius), min(width, j + radius + 1)):
                    if (i, j) != (k, m):
                        center, neighbour = yuv(*low[:, i, j].tolist()), yuv(*low[:, k, m].tolist())
                        weight = math.exp(-(math.dist(center, neighbour) ** 2) / (2 * sigma**2))
                        steps = [abs(x[c, i, j].item() - x[c, k, m].item()) for c in range(channels)]
                        terms.append(weight * sum(steps) / channels)
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("channels", "sides"), [(3, (5, 6)), (1, (2, 2)), (3, (2, 7))])
@pytest.mark.parametrize(("radius", "sigma"), [(2, 0.1), (1, 0.5), (3, 10.0)])
def test_against_a_loop(channels, sides, radius, sigma):
    x, low = noise(2, channels, *sides), noise(2, 3, *sides, seed=1)
    value = illumination_smoothness(x, low, radius, sigma)
    expected = [by_loop(one, reference, radius, sigma) for one, reference in zip(x, low, strict=True)]
    torch.testing.assert_close(value, torch.tensor(expected, dtype=torch.float64), rtol=1e-4, atol=1e-6)


def test_by_hand_on_a_flat_input():
    x = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])  # of 6 pairs, 4 cross the edge
    assert illumination_smoothness(x, torch.zeros(1, 3, 2, 2)).item() == pytest.approx(4 / 6)


def test_by_hand_across_an_edge_of_the_input():
    x = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]], dtype=torch.float64)
    low = 0.1 * x.expand(1, 3, 2, 2)  # grey: Y differs by 0.1, which is sigma, and U and V not at all
    assert illumination_smoothness(x, low).item() == pytest.approx(math.exp(-0.5) * 4 / 6, rel=1e-5)


def test_hue_is_an_edge_too():
    red, green = (torch.tensor(colorsys.hsv_to_rgb(hue, 1.0, 0.5)) for hue in (0.0, 1 / 3))
    low = torch.stack([red, green], dim=1).view(1, 3, 1, 2).expand(1, 3, 4, 2)
    x = torch.tensor([0.0, 1.0]).expand(1, 1, 4, 2)
    assert illumination_smoothness(x, low) < 1e-3 < illumination_smoothness(x, torch.zeros_like(low))


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_half_a_window_and_its_mirror_image_are_the_window(radius):
    half = list(half_window_offsets(radius))
    window = {(i, j) for i in range(-radius, radius + 1) for j in range(-radius, radius + 1)} - {(0, 0)}
    assert {*half, *((-i, -j) for i, j in half)} == window
    assert 2 * len(half) == len(window)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_it_is_0_exactly_on_a_constant_illumination(level):
    loss = IlluminationSmoothness()
    assert loss(illumination=torch.full((2, 3, 6, 7), level), low=noise(2, 3, 6, 7).float()).tolist() == [0.0, 0.0]


def test_flips_and_constants_change_nothing():
    x, low = noise(2, 3, 5, 6), noise(2, 3, 5, 6, seed=1)
    value = illumination_smoothness(x, low)
    for axis in (2, 3):
        torch.testing.assert_close(illumination_smoothness(x.flip(axis), low.flip(axis)), value)
    torch.testing.assert_close(illumination_smoothness(x.mT, low.mT), value)
    torch.testing.assert_close(illumination_smoothness(1 - x, low), value)


def test_an_edge_of_the_input_costs_less_than_one_of_nothing():
    step = (torch.arange(8) >= 4).double().expand(1, 3, 8, 8)
    assert illumination_smoothness(step, 0.8 * step) < 1e-6 < illumination_smoothness(step, torch.zeros_like(step))


def test_gradient_is_finite_where_all_is_equal():
    x = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    illumination_smoothness(x, torch.zeros(1, 3, 4, 4)).sum().backward()
    assert (x.grad == 0).all()
