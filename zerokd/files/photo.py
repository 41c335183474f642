"""The decoder of photos: a JPEG, PNG, WebP, TIFF or BMP file to upright pixels, whole or not at all.

Training, ``zerokd enhance`` and ``zerokd evaluate`` all read photos here, so that they see the same pixels. libvips
decodes; Pillow reads BMP, which libvips does not, and converts colours that are not RGB.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyvips
from attrs import frozen
from PIL import Image, ImageOps

from zerokd.files.colour_profile import ProfileError, convert_to_srgb

PhotoFormat = Literal["JPEG", "PNG", "WEBP", "TIFF", "BMP"]
MAX_PHOTO_PIXELS = 1_000_000_000
MAX_PROFILE_BYTES = 4 << 20
COMPRESSION_TAG, PHOTOMETRIC_TAG, SUBSAMPLING_TAG = 259, 262, 530  # of TIFF
YCBCR_PHOTOMETRIC, JPEG_COMPRESSIONS = 6, (6, 7)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIGNATURES: dict[bytes, PhotoFormat] = {
    b"\xff\xd8\xff": "JPEG",
    PNG_SIGNATURE: "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
    b"BM": "BMP",
}
UNSUPPORTED_SIGNATURES = {b"GIF8": "GIF", b"%PDF": "PDF", b"8BPS": "Photoshop", b"\0\0\1\0": "icon", b"<svg": "SVG"}
VALUE_BITS = {"char": 8, "short": 16, "int": 32, "uint": 32, "float": 32, "double": 64, "complex": 64, "dpcomplex": 128}
RGB_INTERPRETATIONS = ("srgb", "rgb", "rgb16", "b-w", "grey16", "multiband")
MAX_VALUE_8, MAX_VALUE_16 = 255, 65535

pyvips.cache_set_max(0)  # every photo is decoded once


class MediaError(Exception):
    """Why a photo or video cannot be read or written, in a few words."""


@frozen(eq=False)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: (H, W, 3) or (H, W, 4), uint8 or uint16: RGB, upright, perhaps with alpha (not premultiplied). The
            colours are those of ``colour_profile``.
        format: of the file.
        colour_profile: the embedded ICC profile; empty stands for sRGB.
        is_grey: the file has a single colour channel, which ``pixels`` repeats.
        metadata: the libvips image that holds EXIF, XMP, IPTC and the resolution; None for BMP.
        notes: what ``pixels`` lacks of the file.
        is_lossless: the file is a WebP that keeps every pixel.
    """

    pixels: np.ndarray
    format: PhotoFormat
    colour_profile: bytes = b""
    is_grey: bool = False
    metadata: Any = None
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
        raise MediaError(f"damaged or truncated ({vips_error_line(error)})") from error
    except Exception as error:  # on damaged files Pillow raises almost anything, SyntaxError and struct.error included
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(reason.splitlines()[0][:160]) from error


def detect_format(path: Path) -> PhotoFormat:
    """The format of a photo, by its first bytes.

    Raises:
        MediaError: the file is missing, empty, not a regular file, or not a photo.
        OSError: it cannot be opened.
    """
    if not path.is_file():  # opening a pipe would wait forever
        raise MediaError("broken link" if path.is_symlink() else "not a regular file")
    with path.open("rb") as file:
        head = file.read(12)
    if not head:
        raise MediaError("empty file")
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP"
    for signature, photo_format in SIGNATURES.items():
        if head.startswith(signature):
            return photo_format
    for signature, name in UNSUPPORTED_SIGNATURES.items():
        if head.startswith(signature):
            raise MediaError(f"not an image that zerokd reads: a {name} file")
    raise MediaError("not an image, or damaged at its start")


def to_8_bit(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 pixels as uint8, rounded to the nearest level."""
    if pixels.dtype == np.uint8:
        return pixels
    scale = MAX_VALUE_16 // MAX_VALUE_8
    return ((pixels.astype(np.uint32) + scale // 2) // scale).astype(np.uint8)


def vips_error_line(error: pyvips.Error) -> str:
    """The first line of what libvips reports."""
    lines = (error.detail or str(error)).strip().splitlines()
    return lines[0][:160] if lines else "libvips failed"


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
    image = open_lazily(path, photo_format)
    _check_size(image.width, image.height, max_pixels, min_side)
    shrink = _jpeg_shrink(image.width, image.height, target_side) if photo_format == "JPEG" else 1
    if shrink > 1:
        image = open_lazily(path, photo_format, shrink=shrink)
    notes = []
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if pages > 1:
        notes.append(f"it holds {pages} images; the first one is used")
    if photo_format == "TIFF" and (ycbcr := _read_ycbcr_tiff(path)) is not None:
        return Photo(ycbcr, photo_format, metadata=image, notes=tuple(notes))
    if image.format not in ("uchar", "ushort"):
        raise MediaError(f"{VALUE_BITS[image.format]}-bit pixel values ({image.format}), whose scale is not known")
    if image.get_typeof("orientation") and image.get("orientation") > 1:
        image = image.copy_memory().autorot()  # a decoder gives rows in their order; turning needs all of them
    if image.get_typeof("icc-profile-data"):
        profile = image.get("icc-profile-data")
    else:
        profile = _read_png_profile(path) if photo_format == "PNG" else b""
    colours = image.bands - int(image.hasalpha())
    if image.interpretation == "cmyk":
        pixels, image = _cmyk_to_rgb(image.numpy(), profile), image.copy()
        image.remove("icc-profile-data")
        return Photo(pixels, photo_format, metadata=image, notes=(*notes, "CMYK became RGB, in sRGB"))
    if colours not in (1, 3):
        raise MediaError(f"{image.bands} channels that are not RGB, grey or CMYK")
    if image.interpretation not in RGB_INTERPRETATIONS:
        image, profile = image.colourspace("srgb"), b""
        colours = image.bands - int(image.hasalpha())
        notes.append("its colours became sRGB")
    pixels = _expand_to_rgb(image.numpy(), colours)
    return Photo(pixels, photo_format, profile, colours == 1, image, tuple(notes))


def _jpeg_shrink(width: int, height: int, target_side: int) -> int:
    ratio = min(width, height) // target_side if target_side else 1
    return next((shrink for shrink in (8, 4, 2) if ratio >= shrink), 1)


def read_tiff_tags(path: Path) -> dict[int, Any]:
    """The tags of a TIFF by number; empty if Pillow cannot read them."""
    try:
        with Image.open(path, formats=("TIFF",)) as image:
            return dict(image.getexif())
    except (OSError, Image.DecompressionBombError, ValueError, SyntaxError):
        return {}


def _read_ycbcr_tiff(path: Path) -> np.ndarray | None:
    """The pixels of a TIFF that stores YCbCr without JPEG compression, which libvips takes for RGB; else None."""
    tags = read_tiff_tags(path)
    compression = tags.get(COMPRESSION_TAG, 1)
    if tags.get(PHOTOMETRIC_TAG) != YCBCR_PHOTOMETRIC or compression in JPEG_COMPRESSIONS:
        return None
    if compression == 1 and tuple(tags.get(SUBSAMPLING_TAG, (2, 2))) != (1, 1):
        raise MediaError("an uncompressed TIFF of subsampled YCbCr, which zerokd does not read")
    with Image.open(path, formats=("TIFF",)) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


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


def _cmyk_to_rgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """By the embedded profile; without one, as screens and browsers show such a photo."""
    ink = np.ascontiguousarray(to_8_bit(pixels))
    height, width = ink.shape[:2]
    image = Image.frombuffer("CMYK", (width, height), ink[..., :4].tobytes(), "raw", "CMYK", 0, 1)
    rgb = np.asarray(convert_to_srgb(image, profile).convert("RGB"))
    return np.concatenate([rgb, ink[..., 4:5]], axis=2)


def _expand_to_rgb(pixels: np.ndarray, colour_channels: int) -> np.ndarray:
    """Grey as RGB; a channel that is neither is alpha."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if colour_channels == 1:
        pixels = np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:2]], axis=2)
    return np.ascontiguousarray(pixels[..., :4])


def read_bmp(path: Path, max_pixels: int, min_side: int) -> Photo:
    with Image.open(path, formats=("BMP",)) as image:
        _check_size(*image.size, max_pixels, min_side)
        rgb = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return Photo(np.array(rgb), "BMP", is_grey=image.mode in ("L", "1"))
