"""EXIF: brought upright byte by byte, so that everything else in it stays as the camera wrote it."""

from __future__ import annotations

import struct

from zerokd.files.metadata.directories import (
    EXIF_POINTER,
    LONG,
    SHORT,
    Directory,
    DirectoryError,
    EntryPlace,
    Header,
    encode_block,
    list_entries,
    read_directory,
    read_from_bytes,
    read_header,
)

EXIF_PREFIX = b"Exif\0\0"  # before EXIF in JPEG, and in some WebP and PNG files
ORIENTATION_TAG, MAKER_NOTE_TAG = 0x0112, 0x927C
PIXEL_WIDTH_TAG, PIXEL_HEIGHT_TAG = 0xA002, 0xA003
THUMBNAIL_TAGS = ((0x0201, 0x0202), (0x0111, 0x0117))  # offset and size of a JPEG, or of one strip of pixels
FIRST_TURNED_ORIENTATION = 5  # from here on width and height change places


def make_upright(exif: bytes) -> tuple[bytes, int]:
    """The EXIF of a photo that is written upright, without its thumbnail, and the orientation it declared.

    Raises:
        DirectoryError: the bytes are no EXIF.
    """
    block = bytearray(exif)
    read = read_from_bytes(exif)
    header = read_header(read)
    places, next_place, next_offset = list_entries(read, header, header.first)
    orientation = 1
    for place in places:
        if place.tag == ORIENTATION_TAG and place.type == SHORT and place.count == 1:
            orientation = _read_integer(block, header, place)
            _write_integer(block, header, place, 1)
    if orientation >= FIRST_TURNED_ORIENTATION:
        _swap_pixel_dimensions(block, header, places)
    if next_offset:
        _remove_thumbnail(block, header, next_place, next_offset)
    return bytes(block), orientation


def read_exif(exif: bytes) -> Directory:
    """The values of EXIF.

    Raises:
        DirectoryError: the bytes are no EXIF.
    """
    read = read_from_bytes(exif)
    header = read_header(read)
    return read_directory(read, header, header.first, frozenset())


def has_maker_note(directory: Directory) -> bool:
    """Whether the camera stored data of its own, which may refer to places in the file."""
    child = directory.children.get(EXIF_POINTER)
    return child is not None and MAKER_NOTE_TAG in child.entries


def fit_exif(exif: bytes, max_bytes: int) -> tuple[bytes, list[str]]:
    """EXIF of at most so many bytes, without its largest values if need be, and what these are."""
    if len(exif) <= max_bytes:
        return exif, []
    directory, lost = read_exif(exif), []
    while len(exif) > max_bytes:
        owners = [directory, *directory.children.values()]
        size, tag, owner = max(
            ((len(entry.data), tag, owner) for owner in owners for tag, entry in owner.entries.items()),
            key=lambda candidate: candidate[:2],
        )
        del owner.entries[tag]
        lost.append(f"EXIF tag 0x{tag:04X} of {size} bytes")
        exif = encode_block(directory)
    return exif, lost


def _read_integer(block: bytes | bytearray, header: Header, place: EntryPlace) -> int:
    return header.unpack("H" if place.type == SHORT else "I", bytes(block[place.offset : place.offset + place.size]))


def _write_integer(block: bytearray, header: Header, place: EntryPlace, value: int) -> None:
    code = header.order + ("H" if place.type == SHORT else "I")
    block[place.offset : place.offset + place.size] = struct.pack(code, value)


def _swap_pixel_dimensions(block: bytearray, header: Header, places: list[EntryPlace]) -> None:
    pointers = [place for place in places if place.tag == EXIF_POINTER and place.type == LONG and place.count == 1]
    for pointer in pointers:
        try:
            inner = list_entries(read_from_bytes(bytes(block)), header, _read_integer(block, header, pointer))[0]
        except DirectoryError:
            return
        sides = {
            place.tag: place
            for place in inner
            if place.tag in (PIXEL_WIDTH_TAG, PIXEL_HEIGHT_TAG) and place.type in (SHORT, LONG) and place.count == 1
        }
        if len(sides) == 2 and sides[PIXEL_WIDTH_TAG].type == sides[PIXEL_HEIGHT_TAG].type:
            values = {tag: _read_integer(block, header, place) for tag, place in sides.items()}
            _write_integer(block, header, sides[PIXEL_WIDTH_TAG], values[PIXEL_HEIGHT_TAG])
            _write_integer(block, header, sides[PIXEL_HEIGHT_TAG], values[PIXEL_WIDTH_TAG])


def _remove_thumbnail(block: bytearray, header: Header, next_place: int, offset: int) -> None:
    """Cut the link to the directory of the thumbnail, and erase its image: it shows the photo before."""
    block[next_place : next_place + 4] = bytes(4)
    try:
        places = list_entries(read_from_bytes(bytes(block)), header, offset)[0]
    except DirectoryError:
        return
    values = {
        place.tag: _read_integer(block, header, place)
        for place in places
        if place.type in (SHORT, LONG) and place.count == 1
    }
    for offset_tag, size_tag in THUMBNAIL_TAGS:
        start, size = values.get(offset_tag, 0), values.get(size_tag, 0)
        end = min(start + size, len(block))
        if start >= max((place.offset for place in places), default=0) and end >= len(block) - 1:
            del block[start:]
        elif start >= 8 and (offset_tag == THUMBNAIL_TAGS[1][0] or block[start : start + 2] == b"\xff\xd8"):
            block[start:end] = bytes(max(0, end - start))
