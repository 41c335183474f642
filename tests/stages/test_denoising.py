"""Noise of the stated variance, the clean image in linear light, and the same noise for the same image."""

import numpy as np
import pytest
import torch

from zerokd.plugin.batch import Batch
from zerokd.stages.denoising import BLUR_SIGMAS, Denoising, blur_noise, compress_jpeg

IMAGES = (torch.rand(4, 3, 24, 40, generator=torch.Generator().manual_seed(0)) * 255).round() / 255


def test_clean_is_the_image_some_stops_darker():
    inputs = Denoising(darkness=(3.0, 3.0)).inputs(Batch.from_images(IMAGES))
    assert torch.allclose(inputs["clean"], (IMAGES**2.2 / 8) ** (1 / 2.2), atol=1e-6)


def test_low_is_clean_with_noise_on_eight_bits():
    inputs = Denoising().inputs(Batch.from_images(IMAGES))
    levels = inputs["low"] * 255
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    difference = (inputs["low"] - inputs["clean"]).abs().mean((1, 2, 3))
    assert (difference > 0.002).all()
    assert (difference < 0.2).all()


def test_the_same_image_has_the_same_noise_and_another_has_another():
    stage = Denoising(darkness=(3.0, 3.0))
    first, again = (stage.inputs(Batch.from_images(images))["low"] for images in (IMAGES, IMAGES.flip(0)))
    assert torch.equal(first, again.flip(0))
    flat = torch.full((2, 3, 16, 16), 0.5)
    flat[1] += 1 / 255
    noise = stage.inputs(Batch.from_images(flat))["low"] - stage.inputs(Batch.from_images(flat))["clean"]
    assert not torch.allclose(noise[0], noise[1], atol=1e-3)


def test_variance_in_linear_light_lies_within_the_cameras():
    flat = torch.stack([torch.full((3, 96, 96), 0.5 + 0.002 * index) for index in range(12)])
    inputs = Denoising(darkness=(1.0, 1.0)).inputs(Batch.from_images(flat))
    linear = inputs["low"].double() ** 2.2
    signal = (inputs["clean"].double() ** 2.2).mean((1, 2, 3))
    deviation = linear.std((1, 2, 3))
    least = (10**-4.3 * signal + 10 ** (2 * -3.3)).sqrt() * 0.5  # blurred noise is weaker
    greatest = (10**-3.0 * signal + 10 ** (2 * -2.5)).sqrt() * 1.1
    assert ((deviation > least) & (deviation < greatest)).all()


@pytest.mark.parametrize("sigma", BLUR_SIGMAS)
def test_blurred_noise_has_the_root_of_the_deviation_that_blurring_leaves(sigma):
    noise = torch.randn(3, 200, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / (2 * sigma**2)) if sigma else np.eye(7)[3]
    kernel /= kernel.sum()
    expected = np.sqrt((kernel**2).sum())  # of a separable filter, the deviation is the sum of squares
    assert blur_noise(noise, sigma).std().item() == pytest.approx(expected, rel=0.02)


def test_a_lower_quality_is_farther_from_the_image():
    levels = (IMAGES[0] * 255).round()
    errors = [float((compress_jpeg(levels, quality) - levels).abs().mean()) for quality in (95, 50, 10)]
    assert 0 < errors[0] < errors[1] < errors[2]
    flat = torch.full((3, 16, 16), 90.0)
    assert torch.equal(compress_jpeg(flat, 90), flat)
