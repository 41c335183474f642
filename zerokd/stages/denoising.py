"""Pretraining on noise of a simulated camera: the image before its noise is the target."""

from __future__ import annotations

import io
import zlib
from typing import Annotated, final

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import zerokd
from zerokd import Batch, Stage

DISPLAY_GAMMA = 2.2
MAX_LEVEL = 255
PHOTON_NOISE, LEAST_READ_NOISE, GREATEST_READ_NOISE = (-4.3, -3.0), -3.3, -2.5  # powers of ten, of linear light
BLUR_RADIUS, BLUR_SIGMAS = 3, (0.0, 0.5, 0.8)  # of the noise, pixels: demosaicing and resizing blur it
JPEG_SHARE, JPEG_QUALITY = 1 / 3, (75, 96)  # of images that a codec compresses, at most this quality
Stops = Annotated[float, Field(ge=0.0, le=12.0)]


@final
class Denoising(Stage):
    """Under-exposes each image, adds camera noise, and trains the student alone to remove the noise.

    Its inputs are ``low``, the dark image with noise and rounded to 8 bits, and ``clean``, the same dark image without
    either. No well-lit image is a target. The variance of the noise in linear light has a photon part, which grows with
    the signal, and a constant one; in two thirds of the images neighbouring pixels share it, and a third of the images
    is compressed as JPEG afterwards. Exposure, noise and quality are drawn from a
    generator that is seeded by the bytes of the image: the same image has the same noise, unless an augmentation
    changes it.
    Source: this project. The noise model: Foi, Trimeche, Katkovnik, Egiazarian: Practical Poissonian-Gaussian Noise
    Modeling and Fitting for Single-Image Raw-Data, IEEE TIP 2008.
    Pitfalls: it learns what this noise looks like; sensors with patterns have another. It computes on the CPU.
    """

    class Config(zerokd.Config):
        darkness: tuple[Stops, Stops] = Field((2.0, 7.0), description="least and greatest under-exposure, stops")

    reads = ("student",)
    needs = ("student",)

    def inputs(self, batch: Batch) -> dict[str, Tensor]:
        pairs = [self._simulate_camera(image) for image in batch.low]
        noisy, clean = (torch.stack(images) for images in zip(*pairs, strict=True))
        return {"low": noisy, "clean": clean}

    def _simulate_camera(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The dark image (3, H, W) with noise and without."""
        seed = zlib.crc32((image * MAX_LEVEL).round().to(torch.uint8).cpu().numpy().tobytes())
        generator = torch.Generator().manual_seed(seed)
        draws = torch.rand(6, generator=generator).tolist()
        white = torch.randn(image.shape, generator=generator).to(image)
        signal = image.clamp(0, 1) ** DISPLAY_GAMMA * 2 ** -_between(self.config.darkness, draws[0])
        photon = 10 ** _between(PHOTON_NOISE, draws[1])
        read = 10 ** _between((LEAST_READ_NOISE, GREATEST_READ_NOISE), draws[2])
        noise = blur_noise(white, BLUR_SIGMAS[int(draws[3] * len(BLUR_SIGMAS))])
        levels = (encode(signal + (photon * signal + read**2).sqrt() * noise) * MAX_LEVEL).round()
        if draws[4] < JPEG_SHARE:
            levels = compress_jpeg(levels, round(_between(JPEG_QUALITY, draws[5])))
        return levels / MAX_LEVEL, encode(signal)


def encode(signal: Tensor) -> Tensor:
    """Linear light, clamped to [0, 1], with the display's gamma."""
    return signal.clamp(0, 1) ** (1 / DISPLAY_GAMMA)


def blur_noise(noise: Tensor, sigma: float) -> Tensor:
    """Noise (C, H, W) under a Gaussian of ``sigma`` pixels: its deviation becomes the root of what blurring leaves."""
    if sigma == 0:
        return noise
    offset = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1).to(noise)
    kernel = torch.softmax(-offset.square() / (2 * sigma**2), 0)
    blurred = noise[:, None]
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        padding = (0, 0, BLUR_RADIUS, BLUR_RADIUS) if shape[2] == -1 else (BLUR_RADIUS, BLUR_RADIUS, 0, 0)
        blurred = F.conv2d(F.pad(blurred, padding, mode="replicate"), kernel.view(shape))
    return (
        blurred[:, 0] / kernel.square().sum().sqrt()
    )  # its own deviation is the sum, white noise being of deviation 1


def compress_jpeg(levels: Tensor, quality: int) -> Tensor:
    """An image (3, H, W) of whole levels from 0 to 255, after JPEG of that quality."""
    file = io.BytesIO()
    pixels = levels.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).to(levels)


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + share * (limits[1] - limits[0])
