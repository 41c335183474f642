"""The decoder of photos: a JPEG, PNG, WebP, TIFF, BMP, HEIC, AVIF or JPEG XL file to upright pixels, or an error.

Training, ``zerokd enhance`` and ``zerokd evaluate`` all read photos here, so that they see the same pixels. libvips
decodes, as far as this machine's was built for the format; Pillow reads BMP, and converts colours that are not RGB.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from attrs import field, frozen
from PIL import BmpImagePlugin, Image

from zerokd.files.colour_profile import ProfileError, convert_to_srgb, require_colour_space
from zerokd.files.metadata.record import PhotoMetadata
from zerokd.files.photo_format import (
    PNG_SIGNATURE,
    PhotoFormat,
    translate_vips_error,
)
from zerokd.files.photo_format import (
    MediaError as MediaError,
)
from zerokd.files.photo_format import (
    detect_format as detect_format,
)
from zerokd.files.tiff_pixels import (
    TiffLayout,
    convert_ycbcr,
    is_plain_ycbcr,
    is_subsampled,
    read_subsampled_ycbcr,
    read_tiff_layout,
    require_readable_tiff,
)

MAX_PHOTO_PIXELS = 1_000_000_000
MAX_PROFILE_BYTES = 4 << 20
VALUE_BITS = {"char": 8, "short": 16, "int": 32, "uint": 32, "float": 32, "double": 64, "complex": 64, "dpcomplex": 128}
RGB_INTERPRETATIONS = ("srgb", "rgb", "rgb16", "b-w", "grey16", "multiband")
MAX_VALUE_8, MAX_VALUE_16 = 255, 65535

pyvips.cache_set_max(0)  # every photo is decoded once


@frozen(eq=False)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: (H, W, 3) or (H, W, 4), uint8 or uint16: RGB, upright, perhaps with alpha (not premultiplied). The
            colours are those of ``colour_profile``.
        format: of the file.
        colour_profile: the embedded ICC profile; empty stands for sRGB.
        is_grey: the file has a single colour channel, which ``pixels`` repeats.
        metadata: what the file holds beside them; empty unless :func:`zerokd.student.enhance.photo.load_photo` read it.
        notes: what ``pixels`` or ``metadata`` lack of the file.
        is_lossless: the file is a WebP that keeps every pixel.
    """

    pixels: np.ndarray
    format: PhotoFormat
    colour_profile: bytes = b""
    is_grey: bool = False
    metadata: PhotoMetadata = field(factory=PhotoMetadata)
    notes: tuple[str, ...] = ()
    is_lossless: bool = False


def read_photo(path: Path, max_pixels: int = MAX_PHOTO_PIXELS, min_side: int = 1, target_side: int = 0) -> Photo:
    """Decode a photo, whose format is recognised by its content.

    Args:
        max_pixels: a photo with more is refused before it is decoded.
        min_side: a photo with fewer pixels on a side is refused.
        target_side: a JPEG is decoded at 1/2, 1/4 or 1/8 of its size if both sides keep this many pixels; 0 decodes it
            whole.

    Raises:
        MediaError: the file is not a photo, is damaged or truncated, has too few or too many pixels, or its pixel
            values have no known scale.
    """
    try:
        photo_format = detect_format(path)
        if photo_format == "BMP":
            return read_bmp(path, max_pixels, min_side)
        return _read_with_vips(path, photo_format, max_pixels, min_side, target_side)
    except (MediaError, MemoryError):
        raise
    except ProfileError as error:
        raise MediaError(str(error)) from error
    except pyvips.Error as error:
        raise translate_vips_error(error, path) from error
    except Exception as error:  # on damaged files Pillow raises almost anything, SyntaxError and struct.error included
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(reason.splitlines()[0][:160]) from error


def to_8_bit(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 pixels as uint8, rounded to the nearest level."""
    if pixels.dtype == np.uint8:
        return pixels
    scale = MAX_VALUE_16 // MAX_VALUE_8
    return ((pixels.astype(np.uint32) + scale // 2) // scale).astype(np.uint8)


def _check_size(width: int, height: int, max_pixels: int, min_side: int) -> None:
    if min(width, height) < min_side:
        raise MediaError(f"{width}x{height} pixels, fewer than {min_side} on a side")
    if width * height > max_pixels:
        raise MediaError(f"{width}x{height} pixels, more than {max_pixels // 1_000_000} million in all")


def open_lazily(path: Path, photo_format: PhotoFormat, **options: Any) -> Any:
    """An image that libvips decodes when its pixels are needed. No loader for other formats is tried."""
    source = pyvips.Source.new_from_file(os.fsencode(path))  # a name need not be UTF-8, or free of options: "a[page=2]"
    loader = f"{photo_format.lower()}load_source"
    return pyvips.Operation.call(loader, source, fail_on="error", access="sequential", **options)


def _read_with_vips(path: Path, photo_format: PhotoFormat, max_pixels: int, min_side: int, target_side: int) -> Photo:
    layout = read_tiff_layout(path) if photo_format == "TIFF" else TiffLayout({})
    require_readable_tiff(layout)
    image = open_lazily(path, photo_format)
    _check_size(image.width, image.height, max_pixels, min_side)
    shrink = _jpeg_shrink(image.width, image.height, target_side) if photo_format == "JPEG" else 1
    if shrink > 1:
        image = open_lazily(path, photo_format, shrink=shrink)
    if is_plain_ycbcr(layout) and is_subsampled(layout):
        return Photo(read_subsampled_ycbcr(path, layout), photo_format, _read_profile(path, image, photo_format))
    if image.format not in ("uchar", "ushort"):
        raise MediaError(f"{VALUE_BITS[image.format]}-bit pixel values ({image.format}), whose scale is not known")
    if image.get_typeof("orientation") and image.get("orientation") > 1:
        image = image.copy_memory().autorot()  # a decoder gives rows in their order; turning needs all of them
    profile = _read_profile(path, image, photo_format)
    if is_plain_ycbcr(layout):
        return Photo(convert_ycbcr(image.numpy(), layout), photo_format, profile)
    return _convert_colours(image, photo_format, profile)


def _convert_colours(image: Any, photo_format: PhotoFormat, profile: bytes) -> Photo:
    """RGB from whatever colours the file has."""
    notes: tuple[str, ...] = ()
    colours = image.bands - int(image.hasalpha())
    if image.interpretation == "cmyk":
        return Photo(_cmyk_to_rgb(image, profile), photo_format, notes=("CMYK became RGB, in sRGB",))
    if colours not in (1, 3):
        raise MediaError(f"{image.bands} channels that are not RGB, grey or CMYK")
    if image.interpretation not in RGB_INTERPRETATIONS:
        image, profile = image.colourspace("srgb"), b""
        colours = image.bands - int(image.hasalpha())
        notes = ("its colours became sRGB",)
    pixels = _expand_to_rgb(_scale_levels(image), colours)
    return Photo(pixels, photo_format, profile, colours == 1, notes=notes)


def _scale_levels(image: Any) -> np.ndarray:
    """The pixels; 10 and 12 bits of HEIF fill the range of 16, which libvips leaves short at its top."""
    pixels: np.ndarray = image.numpy()
    bits = image.get("bits-per-sample") if image.get_typeof("heif-compression") else 16
    if pixels.dtype == np.uint8 or bits >= 16:
        return pixels
    levels = np.arange(1 << bits, dtype=np.float64) * (MAX_VALUE_16 / ((1 << bits) - 1))
    return (levels + 0.5).astype(np.uint16)[pixels >> (16 - bits)]


def _read_profile(path: Path, image: Any, photo_format: PhotoFormat) -> bytes:
    if image.get_typeof("icc-profile-data"):
        return bytes(image.get("icc-profile-data"))
    return _read_png_profile(path) if photo_format == "PNG" else b""


def _jpeg_shrink(width: int, height: int, target_side: int) -> int:
    ratio = min(width, height) // target_side if target_side else 1
    return next((shrink for shrink in (8, 4, 2) if ratio >= shrink), 1)


def _read_png_profile(path: Path) -> bytes:
    """The colour profile of a PNG; libpng drops one that is damaged or describes other pixels, without an error."""
    with path.open("rb") as file:
        file.seek(len(PNG_SIGNATURE))
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            length = int.from_bytes(head[:4])
            if head[4:] == b"iCCP":
                packed = file.read(length).partition(b"\0")[2][1:]  # after its name and the compression method
                with suppress(zlib.error):
                    return zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES)
                return packed
            file.seek(length + 4, os.SEEK_CUR)
    return b""


def _cmyk_to_rgb(image: Any, profile: bytes) -> np.ndarray:
    """By the embedded profile; without one, as screens and browsers show such a photo. 16 bits stay 16 bits."""
    ink = np.ascontiguousarray(image.numpy())
    if ink.dtype == np.uint8:
        height, width = ink.shape[:2]
        plain = Image.frombuffer("CMYK", (width, height), ink[..., :4].tobytes(), "raw", "CMYK", 0, 1)
        rgb = np.asarray(convert_to_srgb(plain, profile).convert("RGB"))
    elif profile:
        require_colour_space(profile, "CMYK")
        inks = pyvips.Image.new_from_array(np.ascontiguousarray(ink[..., :4])).copy(interpretation="cmyk")
        inks.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        rgb = inks.icc_transform("srgb", embedded=True, intent="perceptual", depth=16).numpy()
    else:
        light = MAX_VALUE_16 - ink[..., :4].astype(np.uint32)
        rgb = ((light[..., :3] * light[..., 3:] + MAX_VALUE_16 // 2) // MAX_VALUE_16).astype(np.uint16)
    return np.concatenate([rgb, ink[..., 4:5]], axis=2)


def _expand_to_rgb(pixels: np.ndarray, colour_channels: int) -> np.ndarray:
    """Grey as RGB; a channel that is neither is alpha."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if colour_channels == 1:
        pixels = np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:2]], axis=2)
    return np.ascontiguousarray(pixels[..., :4])


def read_bmp(path: Path, max_pixels: int, min_side: int) -> Photo:
    with BmpImagePlugin.BmpImageFile(path) as image:  # Image.open warns of large images by itself
        _check_size(*image.size, max_pixels, min_side)
        rgb = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return Photo(np.array(rgb), "BMP", is_grey=image.mode in ("L", "1"))
