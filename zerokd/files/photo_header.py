"""What a photo's header declares, without decoding its pixels."""

from __future__ import annotations

from pathlib import Path

import pyvips
from attrs import frozen

from zerokd.files.photo import MAX_PHOTO_PIXELS, open_lazily, read_bmp
from zerokd.files.photo_format import MediaError, detect_format


@frozen
class PhotoHeader:
    """What a photo's header declares; ``is_turned`` by its EXIF orientation."""

    width: int
    height: int
    is_16_bit: bool
    is_grey: bool
    has_alpha: bool
    has_profile: bool
    is_turned: bool


def count_pixels(path: Path) -> int:
    """The number of pixels that a photo's header declares; 0 if it cannot be read, or for BMP."""
    try:
        header = None if detect_format(path) == "BMP" else read_photo_header(path)
    except (MediaError, pyvips.Error, OSError):
        return 0
    return 0 if header is None else header.width * header.height


def read_photo_header(path: Path) -> PhotoHeader:
    """What a photo's header declares, before it is turned upright; only a BMP is decoded for it.

    Raises:
        MediaError, pyvips.Error, OSError: it cannot be read.
    """
    photo_format = detect_format(path)
    if photo_format == "BMP":
        photo = read_bmp(path, MAX_PHOTO_PIXELS, 1)
        height, width, channels = photo.pixels.shape
        return PhotoHeader(width, height, False, photo.is_grey, channels == 4, False, False)
    image = open_lazily(path, photo_format)
    has_alpha = bool(image.hasalpha())
    has_profile = bool(image.get_typeof("icc-profile-data"))
    is_turned = bool(image.get_typeof("orientation")) and image.get("orientation") > 1
    is_grey = image.bands - has_alpha == 1
    return PhotoHeader(image.width, image.height, image.format == "ushort", is_grey, has_alpha, has_profile, is_turned)
