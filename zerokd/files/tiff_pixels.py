"""TIFF files whose pixels libvips does not take for what they are: refused by name, or converted here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attrs import frozen
from PIL import ImageOps, TiffImagePlugin

from zerokd.files.metadata.directories import DirectoryError, list_entries, read_directory, read_from_file, read_header
from zerokd.files.photo_format import MediaError, unsupported_format

SUBFILE_TAG, BITS_TAG, COMPRESSION_TAG, PHOTOMETRIC_TAG = 254, 258, 259, 262
INK_SET_TAG, COEFFICIENTS_TAG, SUBSAMPLING_TAG, REFERENCE_TAG, DNG_TAG = 332, 529, 530, 532, 50706
LAYOUT_TAGS = {SUBFILE_TAG, BITS_TAG, COMPRESSION_TAG, PHOTOMETRIC_TAG, INK_SET_TAG}
LAYOUT_TAGS |= {COEFFICIENTS_TAG, SUBSAMPLING_TAG, REFERENCE_TAG, DNG_TAG}
YCBCR, JPEG_COMPRESSIONS, UNCOMPRESSED = 6, (6, 7), 1
READABLE_PHOTOMETRICS = (0, 1, 2, 3, 5, YCBCR, 8)  # grey, RGB, palette, CMYK, YCbCr, CIE Lab
PHOTOMETRIC_NAMES = {
    4: "a transparency mask", 9: "ICC Lab", 10: "ITU Lab", 32803: "the raw values of a sensor",
    32844: "LogL", 32845: "LogLuv", 34892: "linear raw values", 51177: "a depth map", 52527: "a photometric mask",
}  # fmt: skip
DEFAULT_COEFFICIENTS = (0.299, 0.587, 0.114)


@frozen
class TiffLayout:
    """What the first page of a TIFF declares of its pixels; empty tuples for what it leaves to the standard."""

    values: dict[int, tuple[int, ...]]

    def first(self, tag: int, default: int) -> int:
        """The first value of a tag."""
        return (self.values.get(tag) or (default,))[0]

    def ratios(self, tag: int, default: tuple[float, ...]) -> tuple[float, ...]:
        """The rational values of a tag."""
        numbers = self.values.get(tag, ())
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        return tuple(numerator / max(denominator, 1) for numerator, denominator in pairs) or default


def read_tiff_layout(path: Path) -> TiffLayout:
    """What the first page of a TIFF declares of its pixels; nothing for a damaged file, which a decoder reports."""
    with path.open("rb") as file:
        read = read_from_file(file)
        try:
            header = read_header(read)
            other_tags = {place.tag for place in list_entries(read, header, header.first)[0]} - LAYOUT_TAGS
            directory = read_directory(read, header, header.first, frozenset(other_tags))
        except DirectoryError:
            return TiffLayout({})
    return TiffLayout({tag: entry.integers() for tag, entry in directory.entries.items()})


def require_readable_tiff(layout: TiffLayout) -> None:
    """Refuse pixels that a decoder would take for RGB or grey though they are something else.

    Raises:
        MediaError: it is a raw photo, a mask, or of colours that zerokd does not convert.
    """
    if DNG_TAG in layout.values:
        raise unsupported_format("raw photo (DNG)")
    photometric = layout.first(PHOTOMETRIC_TAG, 1)
    if photometric not in READABLE_PHOTOMETRICS:
        name = PHOTOMETRIC_NAMES.get(photometric, f"a photometric interpretation of {photometric}")
        raise unsupported_format(f"TIFF of {name}")
    if layout.first(SUBFILE_TAG, 0) & 1:
        raise unsupported_format("TIFF whose first page is a preview of another, as in a raw photo")


def is_plain_ycbcr(layout: TiffLayout) -> bool:
    """Whether a TIFF stores YCbCr, and not as JPEG, which a decoder converts."""
    is_jpeg = layout.first(COMPRESSION_TAG, UNCOMPRESSED) in JPEG_COMPRESSIONS
    return layout.first(PHOTOMETRIC_TAG, 1) == YCBCR and not is_jpeg


def is_subsampled(layout: TiffLayout) -> bool:
    """Whether a TIFF of YCbCr has fewer colour values than pixels."""
    return layout.values.get(SUBSAMPLING_TAG, (2, 2)) != (1, 1)


def read_subsampled_ycbcr(path: Path, layout: TiffLayout) -> np.ndarray:
    """Upright pixels (H, W, 3), uint8, as libtiff converts them.

    Raises:
        MediaError: the YCbCr is uncompressed, or has other than 8 bits.
    """
    if layout.first(COMPRESSION_TAG, UNCOMPRESSED) == UNCOMPRESSED or set(layout.values.get(BITS_TAG, (8,))) != {8}:
        raise MediaError("unsupported: a TIFF of subsampled YCbCr that is uncompressed, or has other than 8 bits")
    with TiffImagePlugin.TiffImageFile(path) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def convert_ycbcr(pixels: np.ndarray, layout: TiffLayout) -> np.ndarray:
    """RGB (H, W, 3) of YCbCr of the same type, uint8 or uint16, rounded to the nearest level.

    Source: TIFF 6.0, section 21.

    Raises:
        MediaError: the coefficients or levels that the file declares are impossible.
    """
    most = np.iinfo(pixels.dtype).max
    half = (most + 1) // 2
    red, green, blue = layout.ratios(COEFFICIENTS_TAG, DEFAULT_COEFFICIENTS)[:3]
    levels = layout.ratios(REFERENCE_TAG, (0, most, half, most, half, most))
    if not green or len(levels) != 6 or any(low >= high for low, high in zip(levels[::2], levels[1::2], strict=True)):
        raise MediaError("a TIFF of YCbCr with impossible coefficients or levels")
    spans = (most, half - 1, half - 1)
    luma, blueness, redness = (
        (pixels[..., index].astype(np.float32) - levels[2 * index])
        * (span / (levels[2 * index + 1] - levels[2 * index]))
        for index, span in enumerate(spans)
    )
    rgb = np.empty((*pixels.shape[:2], 3), np.float32)
    rgb[..., 0] = luma + (2 - 2 * red) * redness
    rgb[..., 2] = luma + (2 - 2 * blue) * blueness
    rgb[..., 1] = (luma - red * rgb[..., 0] - blue * rgb[..., 2]) / green
    return (rgb.clip(0, most) + 0.5).astype(pixels.dtype)
