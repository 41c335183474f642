"""TIFF: the tags of its first directory, and a result with them."""

from __future__ import annotations

import struct
from typing import BinaryIO

from zerokd.files.metadata.directories import (
    IPTC_TAG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directory,
    Entry,
    encode_block,
    encode_directory,
    list_directories,
    read_directory,
    read_from_file,
    read_header,
)
from zerokd.files.metadata.exif import ORIENTATION_TAG, has_maker_note, read_exif
from zerokd.files.metadata.photoshop import add_iptc, find_iptc, remove_thumbnails
from zerokd.files.metadata.record import (
    CENTIMETRE_METRES,
    INCH_METRES,
    PhotoMetadata,
    Resolution,
    describe_image_count,
)

# How the pixels are stored: the decoder follows them, and a result has its own.
PIXEL_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291}
    | {292, 293, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 333, 334, 336, 338, 339, 340, 341, 347}
    | {512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532}
)
XMP_TAG, PHOTOSHOP_TAG, PROFILE_TAG, LAYERS_TAG, SUB_DIRECTORIES_TAG = 700, 34377, 34675, 37724, 330
X_RESOLUTION_TAG, Y_RESOLUTION_TAG, RESOLUTION_UNIT_TAG = 282, 283, 296
SEPARATE_TAGS = frozenset({XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, PROFILE_TAG, LAYERS_TAG})
MAX_UINT32 = 2**32 - 1
RESOLUTION_UNITS = {1: 0.0, 2: INCH_METRES, 3: CENTIMETRE_METRES}
REFERRING_NOTE = "the maker's note of its EXIF is kept, but has moved: what it refers to may be lost"


def read_tiff_metadata(file: BinaryIO) -> PhotoMetadata:
    """The metadata of the first page of an open TIFF.

    Raises:
        DirectoryError: the file has no directory.
    """
    read = read_from_file(file)
    header = read_header(read)
    pages = list(list_directories(read, header))
    directory = read_directory(read, header, header.first, PIXEL_TAGS - {ORIENTATION_TAG} | {LAYERS_TAG})
    tags = {place.tag for place in pages[0]} if pages else set()
    separate = {tag: directory.entries.pop(tag).data for tag in SEPARATE_TAGS & set(directory.entries)}
    lost = ["previews or layers in further directories"] if SUB_DIRECTORIES_TAG in tags else []
    lost += ["Photoshop's layers"] if LAYERS_TAG in tags else []
    notes = describe_image_count(len(pages)) + ((f"not kept: {', '.join(lost)}",) if lost else ())
    resources = remove_thumbnails(separate.get(PHOTOSHOP_TAG, b""))
    resolution = _pop_resolution(directory)
    notes += (REFERRING_NOTE,) if has_maker_note(directory) else ()
    return PhotoMetadata(
        exif=encode_block(directory) if directory.entries or directory.children else b"",
        xmp=separate.get(XMP_TAG, b""),
        iptc=separate.get(IPTC_TAG, b"") or find_iptc(resources),
        photoshop=resources,
        resolution=resolution,
        native_format="TIFF",
        notes=notes,
    )


def _pop_resolution(directory: Directory) -> Resolution | None:
    x, y = (directory.entries.pop(tag, None) for tag in (X_RESOLUTION_TAG, Y_RESOLUTION_TAG))
    unit = directory.entries.pop(RESOLUTION_UNIT_TAG, Entry(SHORT, 1, b"\2\0"))
    pair = [entry.integers() for entry in (x, y) if entry is not None and entry.type == RATIONAL]
    metres = RESOLUTION_UNITS.get(unit.integers()[0] if unit.integers() else 2, INCH_METRES)
    if len(pair) < 2 or any(0 in rational for rational in pair):
        return None
    return Resolution(pair[0][0] / pair[0][1], pair[1][0] / pair[1][1], metres)


def encode_resolution(resolution: Resolution) -> dict[int, Entry]:
    """The three entries that declare a resolution in TIFF and EXIF."""
    unit = {0.0: 1, CENTIMETRE_METRES: 3}.get(resolution.unit_metres, 2)
    pair = (resolution.x, resolution.y) if unit == 1 else resolution.convert(RESOLUTION_UNITS[unit])
    x, y = (Entry(RATIONAL, 1, _encode_rational(value)) for value in pair)
    return {X_RESOLUTION_TAG: x, Y_RESOLUTION_TAG: y, RESOLUTION_UNIT_TAG: Entry(SHORT, 1, struct.pack("<H", unit))}


def _encode_rational(value: float) -> bytes:
    scale = 1000 if value < MAX_UINT32 // 1000 else 1
    return struct.pack("<II", min(max(round(value * scale), 1), MAX_UINT32), scale)


def add_tiff_metadata(file: BinaryIO, metadata: PhotoMetadata, profile: bytes) -> list[str]:
    """Give a finished TIFF, open for reading and writing, a new first directory; returns what it cannot hold."""
    read = read_from_file(file)
    header = read_header(read)
    pixels = read_directory(read, header, header.first, frozenset())
    directory = read_exif(metadata.exif) if metadata.exif else Directory()
    for tag in PIXEL_TAGS | SEPARATE_TAGS:
        directory.entries.pop(tag, None)
    notes = [REFERRING_NOTE] if has_maker_note(directory) and metadata.native_format != "TIFF" else []
    layout = {tag: entry for tag, entry in pixels.entries.items() if tag in PIXEL_TAGS}
    directory.entries = layout | directory.entries
    directory.entries |= encode_resolution(metadata.resolution) if metadata.resolution else {}
    resources = add_iptc(metadata.photoshop, metadata.iptc)
    separate = {XMP_TAG: metadata.xmp, IPTC_TAG: metadata.iptc, PHOTOSHOP_TAG: resources, PROFILE_TAG: profile}
    directory.entries |= {tag: Entry(UNDEFINED, len(data), data) for tag, data in separate.items() if data}
    file.seek(0, 2)
    base = file.tell() + file.tell() % 2
    data, offset = encode_directory(directory, base, header.is_big)
    file.seek(base)
    file.write(data)
    place, code = (8, "Q") if header.is_big else (4, "I")
    file.seek(place)
    file.write(struct.pack(header.order + code, offset))
    return notes
