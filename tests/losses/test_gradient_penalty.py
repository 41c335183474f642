"""The size of a gradient, for functions whose gradient is known."""

import pytest
import torch

from zerokd.losses.gradient_penalty import GradientPenalty, gradient_penalty


def image(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()


def test_a_linear_score_has_the_same_gradient_everywhere():
    """The score a * mean(x) changes by a where the image changes by 1 everywhere."""
    x = image(2, 3, 5, 4)
    assert gradient_penalty(-3 * x.mean(dim=(1, 2, 3)), x).tolist() == pytest.approx([9.0, 9.0])
    assert gradient_penalty(-3 * x.mean(dim=(1, 2, 3)), x, target=1.0).tolist() == pytest.approx([4.0, 4.0])


def test_a_score_for_each_pixel_counts_as_their_mean():
    """The scores x^2 / 2 have the gradient x at their own pixel: the mean square of the image."""
    x = image(2, 1, 6, 6)
    assert gradient_penalty(x.square() / 2, x).tolist() == pytest.approx(x.square().mean(dim=(1, 2, 3)).tolist())


def test_the_value_does_not_grow_with_the_image():
    x = image(1, 3, 4, 4)
    wide = x.detach().repeat(1, 1, 3, 3).requires_grad_()
    assert gradient_penalty(x.square(), x).item() == pytest.approx(gradient_penalty(wide.square(), wide).item())


def test_its_own_gradient_is_the_second_derivative():
    """d/da of mean((2 a x)^2) = 8 a mean(x^2)."""
    x, a = image(1, 1, 4, 4), torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    gradient_penalty(a * x.square(), x).sum().backward()
    assert a.grad.item() == pytest.approx(8 * 0.7 * x.square().mean().item())


def test_it_is_finite_where_the_gradient_is_zero():
    x = torch.zeros(1, 3, 4, 4, requires_grad=True)
    weight = torch.ones((), requires_grad=True)
    gradient_penalty(weight * x.square(), x, target=1.0).sum().backward()
    assert torch.isfinite(weight.grad)


def test_it_needs_no_gradient_mode():
    x = image(1, 3, 4, 4)
    score = x.square()
    with torch.no_grad():
        assert GradientPenalty()(score=score, image=x).item() == pytest.approx(4 * x.square().mean().item())
