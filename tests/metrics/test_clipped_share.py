"""Clipped share: pixels, not channels, and what 8 bits write as 255."""

import torch

from zerokd.metrics.clipped_share import clipped_share


def test_a_pixel_counts_once_whatever_its_channels():
    image = torch.zeros(1, 3, 2, 2)
    image[0, :, 0, 0] = 1.0
    image[0, 1, 1, 1] = 1.0
    assert clipped_share(image).tolist() == [0.5]


def test_what_rounds_to_255_is_clipped():
    assert clipped_share(torch.full((1, 3, 2, 2), 254.6 / 255)).tolist() == [1.0]
    assert clipped_share(torch.full((1, 3, 2, 2), 254.4 / 255)).tolist() == [0.0]
