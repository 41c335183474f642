"""Mirror images by hand."""

import pytest
import torch

from zerokd.augmentations.flip import Flip


@pytest.mark.parametrize(
    ("axis", "expected"), [("horizontal", [2.0, 1.0, 4.0, 3.0]), ("vertical", [3.0, 4.0, 1.0, 2.0])]
)
def test_both_axes(axis, expected):
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    flip = Flip(axis=axis)
    draws = torch.stack([flip.draw(torch.Generator())])
    assert draws.numel() == 0
    assert flip.apply(image, draws).flatten().tolist() == expected
    assert torch.equal(flip.apply(flip.apply(image, draws), draws), image)
