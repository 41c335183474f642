"""Saturation: the golden figure, hand-computed numbers, and that it measures contrast."""

import pytest
import torch

from zerokd.losses.saturation import Saturation, saturation


def test_golden(golden):
    value = Saturation()(enhanced=golden["enh"])
    torch.testing.assert_close(value, golden.values("saturation"), atol=1e-6, rtol=0)


def test_one_pixel_of_four():
    image = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    image[0, 0, 0, 0] = 1.0  # mean red 1/4: one pixel is 3/4 away, three are 1/4 away
    assert saturation(image).item() == pytest.approx(3 / 8)


def test_flat_red_has_none_and_grey_stripes_have_most():
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    stripes = torch.tensor([0.0, 1.0]).repeat(2).expand(1, 3, 4, 4)
    assert saturation(red).item() == 0
    assert saturation(stripes).item() == pytest.approx(3**0.5 / 2)


@pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (0.3, 0.3, 0.3), (1.0, 0.0, 0.5)])
def test_gradient_on_one_colour_is_zero(colour):
    image = torch.tensor(colour).view(1, 3, 1, 1).repeat(1, 1, 4, 4).requires_grad_()
    saturation(image).sum().backward()
    assert image.grad.abs().max() < 1e-6
