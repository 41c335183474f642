"""Filters against scipy and torch's own, bands that add up to the image, and colours there and back."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch.nn import functional as F

from zerokd.models import pyramid
from zerokd.models.pyramid import (
    blur,
    downsample,
    mean_of_squares,
    pad_to_even,
    split_bands,
    to_luma_chroma,
    to_rgb,
    upsample,
)

IMAGE = torch.rand(2, 3, 14, 22, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def correlate(kernel):
    along_rows = correlate1d(IMAGE.numpy(), kernel, axis=2, mode="nearest")
    return correlate1d(along_rows, kernel, axis=3, mode="nearest")


@pytest.mark.parametrize(("spacing", "kernel"), [(1, [1, 2, 1]), (2, [1, 0, 2, 0, 1])])
def test_blur_is_a_binomial_with_repeated_border(spacing, kernel):
    assert np.allclose(blur(IMAGE, spacing), correlate(np.array(kernel) / 4), atol=1e-15)


def test_downsampling_takes_every_other_pixel_of_the_four_taps():
    padded = F.pad(IMAGE, (1, 1, 1, 1), mode="replicate")
    kernel = torch.tensor([1, 3, 3, 1], dtype=torch.float64) / 8
    expected = F.conv2d(padded, (kernel[:, None] * kernel).expand(3, 1, 4, 4), stride=2, groups=3)
    assert torch.allclose(downsample(IMAGE), expected, atol=1e-15)


def test_upsampling_is_bilinear_and_means_of_squares_are_average_pooling():
    expected = F.interpolate(IMAGE, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(upsample(IMAGE), expected, atol=1e-15)
    assert torch.allclose(mean_of_squares(IMAGE), F.avg_pool2d(IMAGE, 2), atol=1e-15)


def test_bands_add_up_to_the_image():
    bands = split_bands(IMAGE)
    assert torch.allclose(bands.fine + upsample(bands.middle + bands.coarse + bands.base), IMAGE, atol=1e-14)
    flat = split_bands(torch.full((1, 3, 4, 4), 0.3, dtype=torch.float64))
    assert all(band.abs().max() < 1e-15 for band in flat[:3])
    assert torch.allclose(flat.base, torch.tensor(0.3, dtype=torch.float64))


def test_colours_there_and_back():
    assert torch.allclose(to_rgb(to_luma_chroma(IMAGE)), IMAGE, atol=1e-15)
    grey = to_luma_chroma(torch.full((1, 3, 2, 2), 0.4, dtype=torch.float64))
    assert grey[:, 0].flatten().tolist() == pytest.approx([0.4] * 4)
    assert grey[:, 1:].abs().max() < 1e-15


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 4), (4, 3), (2, 2)])
def test_odd_sides_repeat_their_last_row_and_column(height, width):
    image = torch.rand(1, 3, height, width)
    padded = pad_to_even(image)
    assert padded.shape == (1, 3, height + height % 2, width + width % 2)
    assert torch.equal(padded[..., :height, :width], image)
    assert torch.equal(padded[..., -1, :width], image[..., -1, :])


@pytest.mark.parametrize("size", [(2, 2), (2, 6), (4, 2), (10, 14)])
@pytest.mark.parametrize(
    "function",
    [
        *(pyramid.to_luma_chroma, pyramid.to_rgb, pyramid.mean_of_squares, pyramid.haar_diagonal),
        *(pyramid.downsample, pyramid.upsample, pyramid.blur, partial(pyramid.blur, spacing=2)),
    ],
    ids=lambda function: getattr(function, "__name__", "wide_blur"),
)
def test_an_exported_filter_computes_the_same(monkeypatch, function, size):
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    expected = function(image)
    monkeypatch.setattr(pyramid, "is_exporting", lambda: True)
    exported = function(image)
    assert exported.shape == expected.shape
    torch.testing.assert_close(exported, expected, rtol=0, atol=3e-7)


def test_the_haar_diagonal_by_hand():
    square = torch.tensor([[0.9, 0.1], [0.2, 0.6]])
    assert pyramid.haar_diagonal(square[None, None]).item() == pytest.approx((0.9 - 0.1 - 0.2 + 0.6) / 2)
