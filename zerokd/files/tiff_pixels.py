"""TIFF files whose pixels libvips does not take for what they are: refused by name, or decoded by Pillow."""

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
DEFAULT_REFERENCE = (0, 255, 128, 255, 128, 255)


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


def read_ycbcr_tiff(path: Path, layout: TiffLayout) -> np.ndarray | None:
    """Upright pixels (H, W, 3), uint8, of a TIFF with YCbCr that is no JPEG, which libvips takes for RGB; else None.

    Raises:
        MediaError: the YCbCr has other than 8 bits, subsampled colours without compression, or coefficients or levels
            of its own.
    """
    compression = layout.first(COMPRESSION_TAG, UNCOMPRESSED)
    if layout.first(PHOTOMETRIC_TAG, 1) != YCBCR or compression in JPEG_COMPRESSIONS:
        return None
    coefficients = layout.ratios(COEFFICIENTS_TAG, DEFAULT_COEFFICIENTS)
    reference = layout.ratios(REFERENCE_TAG, DEFAULT_REFERENCE)
    if set(layout.values.get(BITS_TAG, (8,))) != {8}:
        raise MediaError("a TIFF of YCbCr with other than 8 bits, which zerokd does not read")
    if compression == UNCOMPRESSED and layout.values.get(SUBSAMPLING_TAG, (2, 2)) != (1, 1):
        raise MediaError("an uncompressed TIFF of subsampled YCbCr, which zerokd does not read")
    if not np.allclose(coefficients, DEFAULT_COEFFICIENTS, atol=1e-3) or not np.allclose(reference, DEFAULT_REFERENCE):
        raise MediaError("a TIFF of YCbCr with coefficients or levels of its own, which zerokd does not read")
    with TiffImagePlugin.TiffImageFile(path) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))
