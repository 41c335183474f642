"""Colour cast: the distance of channel means, brightness aside."""

import torch

from zerokd.metrics.color_cast import color_cast


def test_channels_by_hand():
    image = torch.tensor([[0.5, 0.1], [0.2, 0.2], [0.0, 0.8]]).view(1, 3, 1, 2)  # means .3 .2 .4
    assert torch.allclose(color_cast(image), torch.tensor([0.2]))


def test_grey_has_none_and_places_do_not_matter():
    grey = torch.rand(2, 1, 4, 5).expand(-1, 3, -1, -1)
    assert (color_cast(grey) == 0).all()
    shuffled = torch.rand(1, 3, 1, 9)
    assert torch.allclose(color_cast(shuffled), color_cast(shuffled.flip(3)))
