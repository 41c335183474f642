"""Random gamma: the power by hand, and a draw that depends on its generator alone."""

import pytest
import torch
from pydantic import ValidationError

from zerokd.augmentations.random_gamma import RandomGamma


def draws(augmentation: RandomGamma, count: int) -> torch.Tensor:
    return torch.stack([augmentation.draw(torch.Generator().manual_seed(seed)) for seed in range(count)])


def test_each_image_is_raised_to_its_own_exponent():
    low = torch.tensor([0.0, 0.25, 1.0]).view(1, 3, 1, 1).repeat(2, 1, 1, 1)
    augmented = RandomGamma().apply(low, torch.tensor([0.5, 1.5]))
    assert augmented.flatten(1).tolist() == [[0.0, 0.5, 1.0], [0.0, 0.125, 1.0]]


def test_an_exponent_of_one_changes_nothing():
    low = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(RandomGamma().apply(low, torch.ones(2)), low)


def test_range_and_shape_are_kept():
    low = torch.rand(3, 3, 7, 5)
    augmented = RandomGamma().apply(low, torch.tensor([0.5, 1.0, 1.5]))
    assert augmented.shape == low.shape
    assert augmented.min() >= 0
    assert augmented.max() <= 1


def test_draws_fill_the_range_evenly():
    drawn = draws(RandomGamma(range=(0.5, 1.5)), 400)
    assert drawn.dtype == torch.float32
    assert 0.5 <= drawn.min() < 0.55
    assert 1.45 < drawn.max() <= 1.5
    assert abs(drawn.mean().item() - 1.0) < 0.06  # four standard errors


def test_the_generator_alone_decides():
    augmentation = RandomGamma()
    first = draws(augmentation, 5)
    torch.rand(3)
    assert torch.equal(draws(augmentation, 5), first)
    assert len(set(first.tolist())) == 5


def test_a_fixed_exponent_is_possible():
    assert draws(RandomGamma(range=(2.0, 2.0)), 3).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("exponents", [(0.0, 1.0), (0.5,), (0.5, 1.0, 1.5), (-1.0, 1.0), (0.5, 11.0), "0.5"])
def test_unusable_ranges_are_refused(exponents):
    with pytest.raises(ValidationError):
        RandomGamma(range=exponents)
