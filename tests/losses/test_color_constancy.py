"""Colour constancy: the golden figure, hand-computed numbers, and the gradient on grey that the released root lacks."""

import pytest
import torch

from zerokd.losses.color_constancy import ColorConstancy, color_constancy


def flat(*colour):
    return torch.tensor(colour, dtype=torch.float64).view(1, 3, 1, 1).expand(1, 3, 4, 5)


def test_golden(golden):
    value = ColorConstancy()(enhanced=golden["enh"])
    torch.testing.assert_close(value, golden.values("color_constancy"), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((0.5, 0.5, 0.5), 0.0),
        ((1.0, 0.0, 0.0), 2**0.5),
        ((0.0, 1.0, 1.0), 2**0.5),
        ((0.6, 0.5, 0.5), 0.01 * 2**0.5),
        ((0.5, 0.25, 0.0), (2 * 0.25**4 + 0.5**4) ** 0.5),
    ],
)
def test_flat_colours(colour, expected):
    assert color_constancy(flat(*colour)).item() == pytest.approx(expected, abs=1e-12)


def test_only_channel_means_count():
    image = torch.rand(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shuffled = image.flatten(2)[..., torch.randperm(36, generator=torch.Generator().manual_seed(1))].view_as(image)
    torch.testing.assert_close(color_constancy(image), color_constancy(shuffled))


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_gradient_on_grey_is_zero(level):
    image = torch.full((1, 3, 4, 4), level, requires_grad=True)
    color_constancy(image).sum().backward()
    assert image.grad.abs().max() == 0


def test_gradient_beside_grey_is_finite_and_removes_the_cast():
    image = flat(0.5 + 1e-6, 0.5, 0.5).float().requires_grad_()
    color_constancy(image).sum().backward()
    red, green, blue = image.grad.sum(dim=(0, 2, 3))
    assert red > 0 > green
    assert green == blue
