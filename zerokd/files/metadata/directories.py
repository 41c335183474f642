"""TIFF directories, which hold EXIF too: read from any file without trust, and written anew."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal

from attrs import define, field, frozen

ByteOrder = Literal["<", ">"]
ReadBytes = Callable[[int, int], bytes]  # of an offset and a size; fewer bytes beyond the end
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SWAP_SIZES = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # other types: bytes
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
EXIF_POINTER, GPS_POINTER, INTEROP_POINTER = 0x8769, 0x8825, 0xA005
POINTERS = (EXIF_POINTER, GPS_POINTER, INTEROP_POINTER)
IPTC_TAG = 0x83BB  # bytes, though some programs declare them as LONG
MAX_ENTRIES = 5000
MAX_ENTRY_BYTES = 1 << 28


class DirectoryError(ValueError):
    """The bytes are no TIFF structure."""


@frozen
class Header:
    """The first bytes of a TIFF structure. ``is_big``: a BigTIFF, with 64-bit offsets."""

    order: ByteOrder
    is_big: bool
    first: int

    def unpack(self, code: str, data: bytes) -> int:
        return int(struct.unpack(self.order + code, data)[0])


@frozen
class EntryPlace:
    """An entry as the directory declares it: the bytes of its value lie at ``offset``."""

    tag: int
    type: int
    count: int
    offset: int
    size: int


@frozen
class Entry:
    """A value, little-endian."""

    type: int
    count: int
    data: bytes

    def integers(self) -> tuple[int, ...]:
        """The values of a BYTE, SHORT, LONG or RATIONAL entry; a rational gives two."""
        code = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", 13: "I", LONG8: "Q", 18: "Q"}.get(self.type)
        return struct.unpack(f"<{len(self.data) // struct.calcsize(code)}{code}", self.data) if code else ()


@define
class Directory:
    """Entries by tag, and the directories that pointer tags refer to."""

    entries: dict[int, Entry] = field(factory=dict)
    children: dict[int, Directory] = field(factory=dict)


def read_from_bytes(data: bytes) -> ReadBytes:
    """A reader of a block in memory."""
    return lambda offset, size: data[offset : offset + size]


def read_from_file(file: BinaryIO) -> ReadBytes:
    """A reader of an open file."""

    end = file.seek(0, os.SEEK_END)

    def read(offset: int, size: int) -> bytes:
        if offset >= end:  # a system refuses to seek too far
            return b""
        file.seek(offset)
        return file.read(size)

    return read


def read_header(read: ReadBytes) -> Header:
    """The header of a TIFF structure.

    Raises:
        DirectoryError: the bytes are none.
    """
    head = read(0, 16)
    order: ByteOrder = "<" if head[:2] == b"II" else ">"
    if head[:2] not in (b"II", b"MM") or len(head) < 8:
        raise DirectoryError("no TIFF header")
    version = struct.unpack(order + "H", head[2:4])[0]
    if version == 43 and len(head) == 16:
        return Header(order, True, struct.unpack(order + "Q", head[8:16])[0])
    if version != 42:
        raise DirectoryError("no TIFF header")
    return Header(order, False, struct.unpack(order + "I", head[4:8])[0])


def list_entries(read: ReadBytes, header: Header, offset: int) -> tuple[list[EntryPlace], int, int]:
    """The entries of the directory at ``offset``, the place of the next directory's offset, and that offset.

    Raises:
        DirectoryError: the directory does not lie inside the bytes.
    """
    count_size, entry_size, inline = (8, 20, 8) if header.is_big else (2, 12, 4)
    head = read(offset, count_size)
    if len(head) < count_size or offset < 8:
        raise DirectoryError("a directory beyond the end")
    count = header.unpack("Q" if header.is_big else "H", head)
    if count > MAX_ENTRIES:
        raise DirectoryError(f"a directory of {count} entries")
    body = read(offset + count_size, count * entry_size)
    if len(body) < count * entry_size:
        raise DirectoryError("a directory beyond the end")
    places = []
    for index in range(count):
        start = index * entry_size
        tag, kind = struct.unpack(header.order + "HH", body[start : start + 4])
        number = header.unpack("Q" if header.is_big else "I", body[start + 4 : start + 4 + inline])
        size = number * TYPE_SIZES.get(kind, 0)
        value_place = offset + count_size + start + 4 + inline
        if size > inline:
            value = body[start + 4 + inline : start + entry_size]
            value_place = header.unpack("Q" if header.is_big else "I", value)
        places.append(EntryPlace(tag, kind, number, value_place, size))
    next_place = offset + count_size + count * entry_size
    tail = read(next_place, inline)
    return places, next_place, header.unpack("Q" if header.is_big else "I", tail) if len(tail) == inline else 0


def list_directories(read: ReadBytes, header: Header) -> Iterator[list[EntryPlace]]:
    """The entries of each directory in the chain of pages; a damaged one ends it."""
    offset, known = header.first, set[int]()
    while offset and offset not in known:
        known.add(offset)
        try:
            places, _, offset = list_entries(read, header, offset)
        except DirectoryError:
            return
        yield places


def read_directory(
    read: ReadBytes, header: Header, offset: int, skipped_tags: frozenset[int], depth: int = 3
) -> Directory:
    """A directory with its values, and those that it points to; values that lie beyond the end are left out.

    Raises:
        DirectoryError: the directory does not lie inside the bytes.
    """
    directory = Directory()
    for place in list_entries(read, header, offset)[0]:
        if place.tag in skipped_tags or not 0 < place.size <= MAX_ENTRY_BYTES:
            continue
        data = read(place.offset, place.size)
        if len(data) < place.size:
            continue
        entry = Entry(place.type, place.count, _swap(data, place, header.order))
        if place.tag not in POINTERS:
            directory.entries[place.tag] = entry
        elif depth and entry.integers():
            try:
                child = read_directory(read, header, entry.integers()[0], frozenset(), depth - 1)
            except DirectoryError:
                continue
            directory.children[place.tag] = child
    return directory


def _swap(data: bytes, place: EntryPlace, order: ByteOrder) -> bytes:
    return swap_bytes(data, SWAP_SIZES.get(place.type, 1)) if order == ">" and place.tag != IPTC_TAG else data


def swap_bytes(data: bytes, size: int) -> bytes:
    """Reverse each group of ``size`` bytes."""
    if size == 1:
        return data
    swapped = bytearray(len(data))
    for index in range(size):
        swapped[index::size] = data[size - 1 - index :: size]
    return bytes(swapped)


def encode_directory(directory: Directory, base: int, is_big: bool = False) -> tuple[bytes, int]:
    """Little-endian bytes that go to the offset ``base``, and the offset of the directory in the file."""
    block = bytearray()
    entries = dict(directory.entries)
    for pointer, child in directory.children.items():
        data, child_offset = encode_directory(child, base + len(block), is_big)
        block += data
        code, kind = ("<Q", LONG8) if is_big else ("<I", LONG)
        entries[pointer] = Entry(kind, 1, struct.pack(code, child_offset))
    inline, count_code, number_code = (8, "<Q", "<HHQ") if is_big else (4, "<H", "<HHI")
    table = struct.pack(count_code, len(entries))
    for tag, entry in sorted(entries.items()):
        value = entry.data.ljust(inline, b"\0")
        if len(entry.data) > inline:
            block += b"\0" * ((base + len(block)) % 2)
            value = struct.pack("<Q" if is_big else "<I", base + len(block))
            block += entry.data
        table += struct.pack(number_code, tag, entry.type, entry.count) + value
    block += b"\0" * ((base + len(block)) % 2)
    offset = base + len(block)
    return bytes(block) + table + b"\0" * inline, offset


def encode_block(directory: Directory) -> bytes:
    """A TIFF structure of its own, as EXIF is stored in other formats."""
    data, offset = encode_directory(directory, 8)
    return b"II*\0" + struct.pack("<I", offset) + data
