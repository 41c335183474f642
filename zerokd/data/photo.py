"""A photo from disk to upright 8-bit RGB, whole or not at all."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from zerokd.files.colour_profile import ProfileError, convert_to_srgb

TRAINING_FORMATS = ("JPEG", "MPO", "PNG", "BMP", "WEBP", "TIFF")
MIN_SIDE = 16  # pixels on a side; less has nothing to train on
MAX_TRAINING_PIXELS = 89_000_000  # pixels in all; just below the number at which Pillow warns of a decompression bomb
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's colour types
ADAM7_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # Adam7
DECOMPRESSED_CHUNK_BYTES = 1 << 20

FitMode = Literal["crop", "resize"]


class PhotoError(Exception):
    """Why a file cannot serve as a training image, in a few words."""


def read_training_image(path: Path, size: int, fit: FitMode) -> np.ndarray:
    """A photo as (3, size, size), uint8.

    EXIF orientation is applied, an embedded colour profile brought to sRGB, transparency laid over black, 16-bit values
    scaled to 8, the first frame taken. ``crop`` scales the short side and cuts the long one at both ends, ``resize``
    stretches.

    Raises:
        PhotoError: not an image, damaged, incomplete, too small, too large, or of a pixel type without a scale.
    """
    try:
        rgb = _decode(path, 2 * size)
    except PhotoError:
        raise
    except ProfileError as error:
        raise PhotoError(str(error)) from error
    except UnidentifiedImageError as error:
        raise PhotoError("not an image, or damaged at its start") from error
    except Exception as error:  # on damaged files decoders raise almost anything, SyntaxError and struct.error included
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PhotoError(reason.splitlines()[0][:160]) from error
    scale = ImageOps.fit if fit == "crop" else Image.Image.resize
    return np.asarray(scale(rgb, (size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1).copy()


def _decode(path: Path, min_side: int) -> Image.Image:
    """The upright RGB photo; a JPEG at a half, quarter or eighth of its size where that leaves ``enough`` pixels."""
    if not path.is_file():
        raise PhotoError("broken link" if path.is_symlink() else "not a regular file")
    if path.stat().st_size == 0:
        raise PhotoError("empty file")
    with Image.open(path) as image:
        if image.format not in TRAINING_FORMATS:
            raise PhotoError(f"a {image.format} file, not one of {', '.join(TRAINING_FORMATS)}")
        width, height = image.size
        if min(width, height) < MIN_SIDE:
            raise PhotoError(f"{width}x{height} pixels, fewer than {MIN_SIDE} on a side")
        if width * height > MAX_TRAINING_PIXELS:
            raise PhotoError(f"{width}x{height} pixels, more than {MAX_TRAINING_PIXELS // 1_000_000} million in all")
        image.draft(None, (min_side, min_side))
        rgb = _convert_to_rgb(convert_to_srgb(ImageOps.exif_transpose(image)))
        if image.format == "PNG" and not _is_complete_png(path):
            raise PhotoError("image file is truncated, it holds fewer rows than it promises")
        return rgb


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise PhotoError("32-bit pixel values, whose scale is not known")
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.rint(np.asarray(image) / 257.0).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    return image.convert("RGB")


def _is_complete_png(path: Path) -> bool:
    """Whether a PNG holds the rows its header promises; the decoder leaves missing ones black without a word."""
    data = path.read_bytes()
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    wanted = 0
    for x, y, across, down in ADAM7_PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = max(0, -((x - width) // across)), max(0, -((y - height) // down))
        wanted += rows * (1 + (columns * depth * PNG_CHANNELS[colour] + 7) // 8) if columns else 0
    unpack, held, start = zlib.decompressobj(), 0, 8
    while held < wanted and start + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        packed = data[start + 8 : start + 8 + length] if kind == b"IDAT" else b""
        while packed:
            held += len(unpack.decompress(packed, DECOMPRESSED_CHUNK_BYTES))
            packed = unpack.unconsumed_tail
        start += length + 12
    return held >= wanted
