"""The prior of the illumination: by hand, against a loop, and where it is 0."""

import pytest
import torch
from zerokd_published.illumination_prior import illumination_prior


def noise(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_by_hand():
    low = torch.tensor([0.1, 0.5, 0.3]).view(1, 3, 1, 1)
    light = torch.tensor([0.5, 0.7, 0.9]).view(1, 3, 1, 1)
    assert illumination_prior(light, low).item() == pytest.approx((0.0 + 0.04 + 0.16) / 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_against_a_loop(channels):
    light, low = noise(2, channels, 3, 4), noise(2, 3, 3, 4, seed=1)
    for image, value in enumerate(illumination_prior(light, low).tolist()):
        squares = [
            (light[image, c, i, j].item() - max(low[image, :, i, j].tolist())) ** 2
            for c in range(channels)
            for i in range(3)
            for j in range(4)
        ]
        assert value == pytest.approx(sum(squares) / len(squares))


def test_it_is_0_where_one_colour_has_reflectance_1():
    low = noise(2, 3, 4, 5)
    light = low.amax(1, keepdim=True)
    assert illumination_prior(light, low).tolist() == [0.0, 0.0]
    assert ((low / light).amax(1) == 1).all()
