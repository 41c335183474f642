"""Photos for enhancing: decoded in full, and written with what cameras and editors stored in them."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyvips
from attrs import evolve
from PIL import Image

from zerokd.files.metadata.jpeg import encode_jpeg_head
from zerokd.files.metadata.png import encode_png_chunks
from zerokd.files.metadata.reader import read_metadata
from zerokd.files.metadata.record import INCH_METRES, PhotoMetadata
from zerokd.files.metadata.tiff import add_tiff_metadata
from zerokd.files.metadata.webp import encode_webp, list_chunks
from zerokd.files.metadata.writer import HeadReplacer, convert_metadata
from zerokd.files.photo import Photo, read_photo
from zerokd.files.photo_format import LOADERS_BY_SUFFIX, MEMORY_TEXT, MediaError, PhotoFormat, vips_error_line

FORMATS: dict[str, PhotoFormat] = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"
}  # fmt: skip
READ_ONLY_SUFFIXES = tuple(LOADERS_BY_SUFFIX)  # their results are PNG, which holds 16 bits and all metadata
RESULT_SUFFIX = ".png"
SUFFIXES_WITHOUT_ALPHA = (".jpg", ".jpeg", ".bmp")
EIGHT_BIT_SUFFIXES = (".jpg", ".jpeg", ".webp")
MAX_CLASSIC_TIFF_BYTES = 2**31  # of pixels: offsets in a classic TIFF have 32 bits
DISK_ERROR_TEXTS = ("write error", "unable to write", "unable to open", "No space left", "Permission denied")
LUMA_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"Q": 95, "subsample_mode": "off"},
    ".jpeg": {"Q": 95, "subsample_mode": "off"},
    ".png": {"compression": 6},
    ".webp": {"Q": 95, "effort": 4},
    ".tif": {"compression": "deflate", "predictor": "horizontal"},
    ".tiff": {"compression": "deflate", "predictor": "horizontal"},
}


def load_photo(path: Path) -> Photo:
    """A photo in full size, with its metadata; ``notes`` say what the result will lack.

    Raises:
        MediaError: the file is not a photo, is damaged or truncated, has too many pixels, or its pixel values have no
            known scale.
    """
    photo = read_photo(path)
    metadata = read_metadata(path, photo.format)
    is_lossless = photo.format == "WEBP" and _is_lossless_webp(path)
    return evolve(photo, metadata=metadata, notes=photo.notes + metadata.notes, is_lossless=is_lossless)


def _is_lossless_webp(path: Path) -> bool:
    with path.open("rb") as file:
        return next((kind == b"VP8L" for kind, _ in list_chunks(file) if kind in (b"VP8L", b"VP8 ")), False)


def save_photo(path: Path, pixels: np.ndarray, original: Photo) -> tuple[str, ...]:
    """Write pixels with the metadata of a photo, in the format of the path's suffix.

    Args:
        pixels: (H, W, 3) or (H, W, 4), uint8 or uint16.

    Returns:
        What the format cannot hold of them.

    Raises:
        MediaError: the format cannot hold them.
        OSError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    colours = _convert_to_grey(pixels) if original.is_grey else pixels
    format_name, losses = suffix[1:].upper(), []
    if suffix in SUFFIXES_WITHOUT_ALPHA and colours.shape[2] in (2, 4):
        colours = _composite_over_black(colours)
        losses.append(f"{format_name} has no alpha: composited over black")
    if suffix in EIGHT_BIT_SUFFIXES and colours.dtype == np.uint16:
        losses.append(f"{format_name} has 8 bits, the photo 16")
    try:
        losses += _write_photo(path, colours, original)
    except pyvips.Error as error:
        reason = vips_error_line(error)
        if MEMORY_TEXT.search(reason):
            raise MemoryError(reason) from error
        raise MediaError(f"cannot be written: {reason}") from error
    return tuple(losses)


def _write_photo(path: Path, colours: np.ndarray, original: Photo) -> list[str]:
    """Write pixels and metadata; returns what the format cannot hold of them."""
    suffix, profile = path.suffix.lower(), original.colour_profile
    format_name = FORMATS[suffix]
    metadata, lost = convert_metadata(original.metadata, format_name)
    if profile and (format_name == "BMP" or (format_name == "WEBP" and original.is_grey)):
        profile, lost = b"", ["the colour profile", *lost]
    notes = []
    if format_name == "BMP":
        _save_bmp(path, colours, metadata)
    else:
        image = pyvips.Image.new_from_array(colours).copy(interpretation=_interpretation(colours))
        with path.open("w+b") as file:
            if format_name == "JPEG" or format_name == "PNG":
                encode = encode_jpeg_head if format_name == "JPEG" else encode_png_chunks
                head, too_large = encode(metadata, profile)
                _encode(image, suffix, HeadReplacer(file.write, format_name, head).write)
                lost += too_large
            elif format_name == "WEBP":
                _save_webp(file, image, original.is_lossless, metadata, profile)
            else:
                _save_tiff(path, image, is_big=colours.nbytes > MAX_CLASSIC_TIFF_BYTES)
                notes = add_tiff_metadata(file, metadata, profile)
    return [*([f"{format_name} cannot hold: {', '.join(dict.fromkeys(lost))}"] if lost else []), *notes]


def _interpretation(colours: np.ndarray) -> str:
    grey, colour = ("grey16", "rgb16") if colours.dtype == np.uint16 else ("b-w", "srgb")
    return grey if colours.shape[2] < 3 else colour


def _encode(image: Any, suffix: str, write: Callable[[bytes], object], **options: Any) -> None:
    """Pass an encoded image, without metadata, to ``write`` in parts.

    Raises:
        OSError: ``write`` raised it.
    """
    errors: list[OSError] = []

    def take(data: bytes) -> int:
        try:
            write(bytes(data))
        except OSError as error:  # an exception cannot pass through libvips
            errors.append(error)
            return -1
        return len(data)

    target = pyvips.TargetCustom()
    target.on_write(take)
    try:
        image.write_to_target(target, suffix, keep="none", **SAVE_OPTIONS[suffix], **options)
    finally:
        if errors:
            raise errors[0]


def _save_tiff(path: Path, image: Any, is_big: bool) -> None:
    target = pyvips.Target.new_to_file(os.fsencode(path))
    try:
        image.write_to_target(target, ".tif", keep="none", bigtiff=is_big, **SAVE_OPTIONS[".tif"])
    except pyvips.Error as error:
        reason = vips_error_line(error)
        if any(text in reason for text in DISK_ERROR_TEXTS):
            raise OSError(errno.EIO, reason.rpartition(": ")[2]) from error
        raise


def _save_webp(file: BinaryIO, image: Any, is_lossless: bool, metadata: PhotoMetadata, profile: bytes) -> None:
    parts: list[bytes] = []
    _encode(image, ".webp", parts.append, lossless=is_lossless)
    chunks = list(list_chunks(io.BytesIO(b"".join(parts))))
    file.write(encode_webp(chunks, (image.width, image.height), bool(image.hasalpha()), metadata, profile))


def _composite_over_black(pixels: np.ndarray) -> np.ndarray:
    alpha = pixels[..., -1:].astype(np.float32) / np.iinfo(pixels.dtype).max
    return (pixels[..., :-1] * alpha + 0.5).astype(pixels.dtype)


def _convert_to_grey(pixels: np.ndarray) -> np.ndarray:
    max_value = np.iinfo(pixels.dtype).max
    luma = np.minimum(pixels[..., :3].astype(np.float32) @ LUMA_WEIGHTS + 0.5, max_value).astype(pixels.dtype)
    return np.concatenate([luma[..., None], pixels[..., 3:]], axis=2)


def _save_bmp(path: Path, pixels: np.ndarray, metadata: PhotoMetadata) -> None:
    if pixels.dtype != np.uint8:
        raise MediaError("cannot be written: BMP has 8 bits")
    resolution = metadata.resolution
    has_unit = resolution is not None and resolution.unit_metres
    options = {"dpi": resolution.convert(INCH_METRES)} if resolution is not None and has_unit else {}
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path, format="BMP", **options)
