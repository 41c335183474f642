"""A photo as a training image: 8-bit RGB in sRGB, square."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from zerokd.files.colour_profile import ProfileError, convert_to_srgb
from zerokd.files.photo import MediaError, Photo, read_photo, to_8_bit

MIN_SIDE = 16  # pixels on a side; a smaller photo has nothing to train on
MAX_TRAINING_PIXELS = 89_000_000  # pixels in all; several are decoded at a time

FitMode = Literal["crop", "resize"]


def read_training_image(path: Path, size: int, fit: FitMode) -> np.ndarray:
    """A photo as (3, size, size), uint8, in sRGB; transparency is composited over black.

    ``"crop"`` scales the short side and crops both ends of the long one, ``"resize"`` stretches.

    Raises:
        MediaError: the file is not a photo, is damaged or truncated, has fewer than 16 pixels on a side or more than 89
            million in all, or its pixel values have no known scale.
    """
    photo = read_photo(path, MAX_TRAINING_PIXELS, MIN_SIDE, target_side=2 * size)
    scale = ImageOps.fit if fit == "crop" else Image.Image.resize
    return np.asarray(scale(_to_rgb_image(photo), (size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1).copy()


def describe_size_mismatch(path: Path, reference_path: Path) -> str:
    """Why a reference does not cover its photo pixel by pixel; empty where it may: the shapes are alike, within one
    percent."""
    sizes = [_read_size(file) for file in (path, reference_path)]
    if None in sizes:
        return ""  # unreadable: rejected as such
    (width, height), (other_width, other_height) = (size or (1, 1) for size in sizes)
    if abs(width * other_height - height * other_width) <= 0.01 * height * other_width:
        return ""
    return f"it is {width}x{height} pixels and its reference {other_width}x{other_height}"


def _read_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an upright photo, from its header."""
    try:
        with Image.open(path) as image:
            is_turned = image.getexif().get(0x0112, 1) >= 5  # orientation
            return (image.height, image.width) if is_turned else image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _to_rgb_image(photo: Photo) -> Image.Image:
    pixels = to_8_bit(photo.pixels)
    if photo.colour_profile:
        has_alpha = pixels.shape[2] == 4
        colours = (pixels[..., ::3] if has_alpha else pixels[..., 0]) if photo.is_grey else pixels
        try:
            image = convert_to_srgb(Image.fromarray(np.ascontiguousarray(colours)), photo.colour_profile)
        except ProfileError as error:
            raise MediaError(str(error)) from error
    else:
        image = Image.fromarray(pixels)
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    return image.convert("RGB")
