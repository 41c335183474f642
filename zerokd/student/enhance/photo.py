"""Photos for enhancing: decoded in full, and written with what cameras and editors stored in them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from attrs import evolve
from PIL import Image

from zerokd.files.photo import MediaError, Photo, read_photo, read_tiff_tags, vips_error_line

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
SUFFIXES_WITHOUT_ALPHA = (".jpg", ".jpeg", ".bmp")
EIGHT_BIT_SUFFIXES = (".jpg", ".jpeg", ".webp")
STALE_METADATA = ("jpeg-thumbnail-data", "orientation", "exif-ifd0-Orientation")  # of the photo before it was enhanced
DISK_ERROR_TEXTS = ("write error", "unable to write", "unable to open", "No space left", "Permission denied")
COPIED_METADATA = ("exif-", "icc-profile", "xmp-", "iptc-", "png-comment", "resolution-unit")
TIFF_EXIF_TAGS = {0x010F, 0x0110, 0x8769, 0x8825}  # maker, model, and where time, exposure and place are
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
    if photo.format == "TIFF" and TIFF_EXIF_TAGS & set(read_tiff_tags(path)):  # libvips neither reads nor writes them
        return evolve(photo, notes=(*photo.notes, "the EXIF of a TIFF is not kept"))
    return evolve(photo, is_lossless=photo.format == "WEBP" and _is_lossless_webp(path))


def _is_lossless_webp(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            if head[:4] in (b"VP8L", b"VP8 "):
                return head[:4] == b"VP8L"
            size = int.from_bytes(head[4:], "little")
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


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
        if suffix == ".bmp":
            _save_bmp(path, colours)
        else:
            image = _copy_metadata(pyvips.Image.new_from_array(colours), original.metadata)
            options = dict(SAVE_OPTIONS[suffix])
            options |= {"bigtiff": colours.nbytes > 2**31} if suffix.startswith(".tif") else {}
            options |= {"lossless": True} if suffix == ".webp" and original.is_lossless else {}
            image.write_to_target(pyvips.Target.new_to_file(os.fsencode(path)), suffix, **options)
    except pyvips.Error as error:
        reason = vips_error_line(error)
        if any(text in reason for text in DISK_ERROR_TEXTS):
            raise OSError(errno.EIO, f"{reason.rpartition(': ')[2]}; is the disk full?") from error
        raise MediaError(f"cannot be written: {reason}") from error
    return tuple(losses)


def _composite_over_black(pixels: np.ndarray) -> np.ndarray:
    alpha = pixels[..., -1:].astype(np.float32) / np.iinfo(pixels.dtype).max
    return (pixels[..., :-1] * alpha + 0.5).astype(pixels.dtype)


def _convert_to_grey(pixels: np.ndarray) -> np.ndarray:
    max_value = np.iinfo(pixels.dtype).max
    luma = np.minimum(pixels[..., :3].astype(np.float32) @ LUMA_WEIGHTS + 0.5, max_value).astype(pixels.dtype)
    return np.concatenate([luma[..., None], pixels[..., 3:]], axis=2)


def _save_bmp(path: Path, pixels: np.ndarray) -> None:
    if pixels.dtype != np.uint8:
        raise MediaError("cannot be written: BMP has 8 bits")
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path, format="BMP")


def _copy_metadata(image: Any, source: Any) -> Any:
    is_16_bit = image.format == "ushort"
    grey, colour = ("grey16", "rgb16") if is_16_bit else ("b-w", "srgb")
    image = image.copy(interpretation=grey if image.bands < 3 else colour)
    if source is None:
        return image
    tagged = image.copy(xres=source.xres, yres=source.yres)
    for field in source.get_fields():
        if field.startswith(COPIED_METADATA) and field not in STALE_METADATA:
            tagged.set_type(source.get_typeof(field), field, source.get(field))
    if source.get_typeof("exif-data"):  # which has the camera's orientation in it
        tagged.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return tagged
