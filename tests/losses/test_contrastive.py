"""Contrastive: known values, bounds, the start where EMA and student are equal, and where the gradient points."""

import math

import pytest
import torch
from pydantic import ValidationError

from zerokd.losses.contrastive import Contrastive, contrastive


def softplus(x):
    return math.log1p(math.exp(x))


def grey(level):
    return torch.full((1, 3, 4, 4), level, dtype=torch.float64)


@pytest.mark.parametrize(
    ("anchor", "positive", "negative", "exponent"),
    [
        (0.5, 0.5, 0.5, 0.0),
        (0.5, 0.25, 0.75, 0.0),
        (0.5, 0.5, 0.0, -2.5),
        (0.5, 0.0, 0.5, 2.5),
        (1.0, 1.0, 0.0, -10.0),
        (0.0, 1.0, 0.0, 10.0),
    ],
)
def test_known_values(anchor, positive, negative, exponent):
    value = contrastive(grey(anchor), grey(positive), grey(negative)).item()
    assert value == pytest.approx(softplus(exponent), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.02, 0.1, 3.0])
def test_stated_bounds(temperature):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, 50, 3, 4, 4, dtype=torch.float64, generator=generator) ** 4
    least, most = softplus(-1 / temperature), softplus(1 / temperature)
    black, white = grey(0.0), grey(1.0)
    for triple in (images, images.round(), (white, white, black), (black, white, black)):
        value = contrastive(*triple, temperature=temperature)
        assert least * (1 - 1e-6) <= value.min()
        assert value.max() <= most * (1 + 1e-6)


def test_the_least_temperature_does_not_overflow():
    anchor = torch.zeros(1, 3, 4, 4, requires_grad=True)
    value = contrastive(anchor, torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), temperature=1e-3)
    value.sum().backward()
    assert value.item() == pytest.approx(1000.0)
    torch.testing.assert_close(anchor.grad, torch.full((1, 3, 4, 4), -2000.0 / 48))


def test_ema_equal_to_the_student_is_finite_and_moves_it_to_the_teacher():
    anchor = grey(0.2).requires_grad_()
    value = contrastive(anchor, grey(0.6), anchor.detach())
    assert value.item() == pytest.approx(softplus(0.4**2 / 0.1))
    value.sum().backward()
    assert torch.isfinite(anchor.grad).all()
    assert (anchor.grad < 0).all()


def test_a_step_down_the_gradient_goes_to_the_teacher_and_away_from_the_ema():
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 8, 8, dtype=torch.float64, generator=generator)
    anchor, teacher, ema = (0.4 + 0.05 * noise).requires_grad_(), 0.7 + 0.2 * noise, 0.3 + 0.05 * noise
    contrastive(anchor, teacher, ema).sum().backward()
    step = anchor.detach() - 0.1 * anchor.grad
    assert (step - teacher).square().mean() < (anchor - teacher).square().mean()
    assert (step - ema).square().mean() > (anchor - ema).square().mean()
    assert contrastive(step, teacher, ema) < contrastive(anchor, teacher, ema)


def test_the_gradient_is_a_multiple_of_negative_minus_positive():
    generator = torch.Generator().manual_seed(1)
    anchor, positive, negative = torch.rand(3, 1, 3, 4, 4, dtype=torch.float64, generator=generator).unbind(0)
    anchor.requires_grad_()
    contrastive(anchor, positive, negative).sum().backward()
    exponent = ((anchor - positive).square().mean() - (anchor - negative).square().mean()).item() / 0.1
    factor = 2 / (0.1 * anchor.numel()) / (1 + math.exp(-exponent))
    torch.testing.assert_close(anchor.grad, factor * (negative - positive))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf, "0.1", True])
def test_config_refuses_what_is_no_positive_number(temperature):
    with pytest.raises(ValidationError):
        Contrastive(temperature=temperature)
