"""The metadata of a photo in any format, as a result that is written upright holds it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from attrs import evolve

from zerokd.files.metadata.directories import DirectoryError, Header, list_entries, read_from_bytes, read_header
from zerokd.files.metadata.exif import FIRST_TURNED_ORIENTATION, ORIENTATION_TAG, make_upright
from zerokd.files.metadata.heif import read_heif_metadata
from zerokd.files.metadata.jpeg import read_jpeg_metadata
from zerokd.files.metadata.png import read_png_metadata
from zerokd.files.metadata.record import PhotoMetadata, Resolution
from zerokd.files.metadata.tiff import read_tiff_metadata
from zerokd.files.metadata.webp import read_webp_metadata
from zerokd.files.metadata.xmp import XmpError, make_current

DAMAGED_NOTE = "its damaged metadata is not kept"
BMP_RESOLUTION_PLACE = 38  # two 32-bit numbers, pixels per metre


def read_metadata(path: Path, photo_format: str) -> PhotoMetadata:
    """Everything that a photo's file holds beside its pixels; what is damaged is left out, with a note.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _bring_upright(_read_raw_metadata(file, photo_format))
        except (ValueError, LookupError, struct.error, RecursionError):
            return PhotoMetadata(notes=(DAMAGED_NOTE,))


def _read_raw_metadata(file: BinaryIO, photo_format: str) -> PhotoMetadata:
    if photo_format == "JPEG":
        return read_jpeg_metadata(file.read())
    if photo_format == "PNG":
        return read_png_metadata(file)
    if photo_format == "WEBP":
        return read_webp_metadata(file)
    if photo_format == "BMP":
        return _read_bmp_metadata(file)
    if photo_format == "HEIF":
        return read_heif_metadata(file)
    if photo_format == "TIFF":
        return read_tiff_metadata(file)
    return PhotoMetadata(notes=("its metadata is not kept",))


def _read_bmp_metadata(file: BinaryIO) -> PhotoMetadata:
    file.seek(BMP_RESOLUTION_PLACE)
    x, y = (int.from_bytes(file.read(4), "little") for _ in range(2))
    return PhotoMetadata(resolution=Resolution(x, y, 1.0) if 0 < x < 2**31 and 0 < y < 2**31 else None)


def _bring_upright(metadata: PhotoMetadata) -> PhotoMetadata:
    notes, exif, xmp, orientation = metadata.notes, metadata.exif, metadata.xmp, 1
    if exif:
        try:
            exif, orientation = make_upright(exif)
            exif = exif if _holds_values(exif) else b""
        except DirectoryError:
            exif, notes = b"", (*notes, "its damaged EXIF is not kept")
    if xmp:
        try:
            xmp = make_current(xmp, orientation)
        except XmpError:
            xmp, notes = b"", (*notes, "its damaged XMP is not kept")
    resolution = metadata.resolution
    if resolution is not None and orientation >= FIRST_TURNED_ORIENTATION:
        resolution = evolve(resolution, x=resolution.y, y=resolution.x)
    return evolve(metadata, exif=exif, xmp=xmp, notes=notes, resolution=resolution)


def _holds_values(exif: bytes) -> bool:
    """Whether EXIF says more than that the photo is upright."""
    read = read_from_bytes(exif)
    header: Header = read_header(read)
    return any(place.tag != ORIENTATION_TAG for place in list_entries(read, header, header.first)[0])
