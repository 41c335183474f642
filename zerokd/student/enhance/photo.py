"""Photos in and out: any size and depth, upright, with what cameras and editors wrote into them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from attrs import frozen
from PIL import Image, UnidentifiedImageError

MAX_PHOTO_PIXELS = 1_000_000_000  # pixels of a photo
LOADERS = ("jpegload", "pngload", "webpload", "tiffload")  # libvips reads much more; nothing else is tried
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
SUFFIXES_WITHOUT_ALPHA, EIGHT_BIT_SUFFIXES = (
    (".jpg", ".jpeg", ".bmp"),
    (".jpg", ".jpeg", ".webp"),
)  # no alpha; no 16 bits
STALE_METADATA = ("jpeg-thumbnail-data", "orientation", "exif-ifd0-Orientation")  # of the photo before it was enhanced
DISK_ERROR_TEXTS = (
    "write error",
    "unable to write",
    "unable to open",
    "No space left",
    "Permission denied",
)  # to libvips
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

for name in ("VipsForeignLoad", "VipsForeignLoadPdf", "VipsForeignLoadSvg"):
    pyvips.operation_block_set(name, True)
for name in ("VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp", "VipsForeignLoadTiff"):
    pyvips.operation_block_set(name, False)
pyvips.cache_set_max(0)  # every photo is used once


class MediaError(Exception):
    """Why a photo cannot be read or written, in a few words."""


@frozen(eq=False)
class Photo:
    """``pixels`` (H, W, 3 or 4) of 8 or 16 bits, upright RGB and perhaps alpha; ``source`` holds the metadata.

    ``grey`` says that the file has one colour channel, ``lossless`` that it is a WebP which keeps every pixel,
    ``notes`` what could not stay as it was.
    """

    pixels: np.ndarray
    vips_image: Any
    is_grey: bool = False
    is_lossless: bool = False
    notes: tuple[str, ...] = ()


def load_photo(path: Path) -> Photo:
    """A photo, whole.

    Raises:
        PictureError: it is no photo, damaged, incomplete, too large, or of a pixel type without a scale.
    """
    try:
        if not path.is_file():
            raise MediaError("broken link" if path.is_symlink() else "not a regular file")
        if path.stat().st_size == 0:
            raise MediaError("empty file")
        with path.open("rb") as file:
            is_bitmap = file.read(2) == b"BM"
        return _load_bmp(path) if is_bitmap else _decode_with_vips(path)
    except pyvips.Error as error:
        told = (error.detail or str(error)).strip().splitlines()
        raise MediaError(_describe_vips_error(told)) from error
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        raise MediaError(getattr(error, "strerror", None) or str(error).splitlines()[0][:160]) from error


def count_pixels(path: Path) -> int:
    """How many a photo has by its head, 0 where that cannot be told."""
    try:
        image = _open_lazily(path)
        return int(image.width * image.height)
    except pyvips.Error:
        return 0


def _describe_vips_error(error_lines: list[str]) -> str:
    first = error_lines[0][:160] if error_lines else "damaged"
    unknown = ("known" in first and "format" in first) or "blocked" in first
    return "not an image, or damaged at its start" if unknown else f"damaged or incomplete ({first})"


def _open_lazily(path: Path) -> Any:
    """An image that is decoded when its pixels are asked for."""
    return pyvips.Image.new_from_source(pyvips.Source.new_from_file(os.fsencode(path)), "", fail_on="error")


def _decode_with_vips(path: Path) -> Photo:
    image = _open_lazily(path)
    if image.width * image.height > MAX_PHOTO_PIXELS:
        raise MediaError(f"{image.width}x{image.height} pixels, more than {MAX_PHOTO_PIXELS // 1_000_000} million")
    notes = []
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if pages > 1:
        notes.append(f"it holds {pages} images; the first one is enhanced")
    if image.get("vips-loader") == "tiffload_source" and _loses_exif(path):
        notes.append("the EXIF of a TIFF is not kept")
    image = image.autorot()
    if image.format not in ("uchar", "ushort"):
        raise MediaError(f"pixels of type {image.format}, whose scale is not known")
    colours = image.bands - int(image.hasalpha())
    if image.interpretation == "cmyk" or (colours not in (1, 3)):
        image = _convert_cmyk_to_srgb(image)
        notes.append("CMYK became RGB, in sRGB")
    elif image.interpretation not in ("srgb", "rgb", "rgb16", "b-w", "grey16", "multiband"):
        image = image.colourspace("srgb")
        notes.append("its colours became sRGB")
    colours = image.bands - int(image.hasalpha())
    return Photo(_expand_to_rgb(image.numpy(), colours), image, colours == 1, _is_lossless_webp(path), tuple(notes))


def _is_lossless_webp(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(12)[8:] != b"WEBP":
            return False
        while len(head := file.read(8)) == 8:
            if head[:4] in (b"VP8L", b"VP8 "):
                return head[:4] == b"VP8L"
            size = int.from_bytes(head[4:], "little")
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


def _loses_exif(path: Path) -> bool:
    """Whether it is a TIFF with more than what any TIFF has to say; libvips reads and writes none of it."""
    try:
        with Image.open(path, formats=("TIFF",)) as image:
            return bool(TIFF_EXIF_TAGS & set(image.getexif()))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return False


def _convert_cmyk_to_srgb(image: Any) -> Any:
    if image.interpretation != "cmyk":
        raise MediaError(f"{image.bands} channels that are not RGB, grey or CMYK")
    return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=8)


def _expand_to_rgb(pixels: np.ndarray, colour_channels: int) -> np.ndarray:
    """Grey as RGB; a channel that is neither is alpha."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if colour_channels == 1:
        pixels = np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:2]], axis=2)
    return np.ascontiguousarray(pixels[..., :4])


def _load_bmp(path: Path) -> Photo:
    """BMP has no metadata, and libvips does not read it."""
    with Image.open(path, formats=("BMP",)) as image:
        if image.width * image.height > MAX_PHOTO_PIXELS:
            raise MediaError(f"{image.width}x{image.height} pixels, more than {MAX_PHOTO_PIXELS // 1_000_000} million")
        rgb = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return Photo(np.array(rgb), None, image.mode in ("L", "1"))


def save_photo(path: Path, pixels: np.ndarray, original: Photo) -> tuple[str, ...]:
    """Write pixels with the metadata of a photo, in the format of the path's ending, through to the disk. Returns what
    that format does not hold of them.

    Raises:
        PictureError: the format cannot hold them.
        OSError: the file cannot be written.
    """
    ending = path.suffix.lower()
    colours = _convert_to_grey(pixels) if original.is_grey else pixels
    kind, lost = ending[1:].upper(), []
    if ending in SUFFIXES_WITHOUT_ALPHA and colours.shape[2] in (2, 4):
        colours = _composite_over_black(colours)
        lost.append(f"{kind} has no alpha: it is laid over black")
    if ending in EIGHT_BIT_SUFFIXES and colours.dtype == np.uint16:
        lost.append(f"{kind} has 8 bits, the photo 16")
    try:
        if ending == ".bmp":
            _save_bmp(path, colours)
        else:
            image = _copy_metadata(pyvips.Image.new_from_array(colours), original.vips_image)
            options = dict(SAVE_OPTIONS[ending])
            options |= {"bigtiff": colours.nbytes > 2**31} if ending.startswith(".tif") else {}
            options |= {"lossless": True} if ending == ".webp" and original.is_lossless else {}
            image.write_to_target(pyvips.Target.new_to_file(os.fsencode(path)), ending, **options)
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except pyvips.Error as error:
        told = (error.detail or str(error)).strip().splitlines()
        reason = told[0][:160] if told else "libvips failed"
        if any(word in reason for word in DISK_ERROR_TEXTS):
            raise OSError(errno.EIO, f"{reason.rpartition(': ')[2]}; is the disk full?") from error
        raise MediaError(f"cannot be written: {reason}") from error
    return tuple(lost)


def _composite_over_black(pixels: np.ndarray) -> np.ndarray:
    share = pixels[..., -1:].astype(np.float32) / np.iinfo(pixels.dtype).max
    return (pixels[..., :-1] * share + 0.5).astype(pixels.dtype)


def _convert_to_grey(pixels: np.ndarray) -> np.ndarray:
    most = np.iinfo(pixels.dtype).max
    grey = np.minimum(pixels[..., :3].astype(np.float32) @ LUMA_WEIGHTS + 0.5, most).astype(pixels.dtype)[..., None]
    return np.concatenate([grey, pixels[..., 3:]], axis=2)


def _save_bmp(path: Path, pixels: np.ndarray) -> None:
    if pixels.dtype != np.uint8:
        raise MediaError("cannot be written: BMP has 8 bits")
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path, format="BMP")


def _copy_metadata(image: Any, source: Any) -> Any:
    deep = image.format == "ushort"
    meaning = ("grey16" if deep else "b-w") if image.bands < 3 else ("rgb16" if deep else "srgb")
    image = image.copy(interpretation=meaning)
    if source is None:
        return image
    made = image.copy(xres=source.xres, yres=source.yres)
    for field in source.get_fields():
        if field.startswith(COPIED_METADATA) and field not in STALE_METADATA:
            made.set_type(source.get_typeof(field), field, source.get(field))
    if source.get_typeof("exif-data"):  # which has the camera's orientation in it
        made.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return made
