"""Products of channels by hand, and the loss of the paper that their difference is."""

import pytest
import torch

from zerokd import Signal
from zerokd.adapters.gram import Gram, gram
from zerokd.losses.mse import mse


def test_products_by_hand():
    features = torch.tensor([[1.0, 3.0], [2.0, 0.0]]).view(1, 2, 1, 2)
    assert gram(features).tolist() == [[[[5.0, 1.0], [1.0, 2.0]]]]


def test_its_squared_difference_is_four_times_that_of_the_paper():
    student, style = torch.rand(2, 1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first, second = (torch.einsum("kij,lij->kl", features[0], features[0]) for features in (student, style))
    expected = (first - second).square().sum() / (4 * 3**2 * 20**2)
    assert mse(gram(student), gram(style)).item() == pytest.approx(4 * expected.item(), rel=1e-9)


def test_the_place_of_a_pixel_does_not_matter():
    features = torch.rand(1, 3, 4, 6)
    torch.testing.assert_close(gram(features.flip(2, 3)), gram(features))


def test_sizes_may_differ_and_channels_must_not():
    described = Gram().describe({"student": Signal((4, 6, 5), (0.0, 1.0)), "teacher": Signal((4, 9, 3))})
    assert described == dict.fromkeys(("student", "teacher"), Signal((1, 4, 4)))
    with pytest.raises(ValueError, match="got 4 for student and 6 for teacher; project them first"):
        Gram().describe({"student": Signal((4, 6, 5)), "teacher": Signal((6, 6, 5))})
