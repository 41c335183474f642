"""HEIF, of which HEIC and AVIF are kinds: its items and their properties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from attrs import define, field

from zerokd.files.metadata.directories import read_from_file
from zerokd.files.metadata.record import NativePart, PhotoMetadata, describe_image_count

MAX_META_BYTES, MAX_ITEM_BYTES = 64 << 20, 64 << 20
XMP_TYPE = b"application/rdf+xml"
AUXILIARY_LABELS = {b"hdrgainmap": "the gain map", b"depth": "the depth map", b"disparity": "the depth map"}
ALPHA_MARKS = (b":alpha", b"auxid:1")  # a decoder gives it as a channel
MAX_COLOUR_CODE = 255
SRGB_PRIMARIES, SRGB_TRANSFERS = (1, 2), (1, 2, 6, 13)  # of ISO/IEC 23091-2; 2: unspecified, 1 and 6: as video has it


@define
class _Items:
    """What a file declares of its items, by item number."""

    primary: int = 0
    types: dict[int, bytes] = field(factory=dict)
    contents: dict[int, bytes] = field(factory=dict)  # content types of MIME items
    extents: dict[int, list[tuple[int, int, int]]] = field(factory=dict)  # method, offset and size
    references: list[tuple[bytes, int, list[int]]] = field(factory=list)
    properties: list[tuple[bytes, bytes]] = field(factory=list)
    associations: dict[int, list[int]] = field(factory=dict)
    data: bytes = b""


class _Cursor:
    """Big-endian numbers of a box, one after another."""

    def __init__(self, data: bytes):
        self.data, self.position = data, 0

    def read_bytes(self, size: int) -> bytes:
        self.position += size
        return self.data[self.position - size : self.position]

    def read_number(self, size: int) -> int:
        return int.from_bytes(self.read_bytes(size))

    def read_text(self) -> bytes:
        end = self.data.find(b"\0", self.position)
        text = self.data[self.position : end if end >= 0 else None]
        self.position += len(text) + 1
        return text

    def is_at_end(self) -> bool:
        return self.position >= len(self.data)


def list_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Types and contents of the boxes in these bytes; what is damaged ends the list."""
    position = 0
    while position + 8 <= len(data):
        size, kind, head = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[position + 8 : position + 16]), 16
        size = size or len(data) - position
        if size < head:
            return
        yield kind, data[position + head : position + size]
        position += size


def list_file_boxes(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of an open file; only that with metadata has its content."""
    read, position = read_from_file(file), 0
    while len(head := read(position, 16)) >= 8:
        size, kind, start = int.from_bytes(head[:4]), head[4:8], 8
        if size == 1:
            size, start = int.from_bytes(head[8:16]), 16
        is_metadata = kind == b"meta" and start <= size <= MAX_META_BYTES
        yield kind, read(position + start, size - start) if is_metadata else b""
        if size < start:
            return
        position += size


def read_heif_metadata(file: BinaryIO) -> PhotoMetadata:
    """The metadata in an open HEIF file; EXIF and XMP as they are."""
    boxes = list(list_file_boxes(file))
    items = _read_items(next((data for kind, data in boxes if kind == b"meta"), b""))
    exif, xmp, native = b"", b"", tuple(_colour_parts(items))
    for item, kind in items.types.items():
        if kind == b"Exif" and not exif:
            data = _read_item(file, items, item)
            exif = data[4 + int.from_bytes(data[:4]) :]
        elif kind == b"mime" and items.contents.get(item) == XMP_TYPE and not xmp:
            xmp = _read_item(file, items, item)
    lost = [label for label in dict.fromkeys(_describe_auxiliary_images(items)) if label]
    lost += ["an image sequence"] if any(kind == b"moov" for kind, _ in boxes) else []
    lost += ["the video of the motion photo"] if any(kind == b"mpvd" for kind, _ in boxes) else []
    notes = describe_image_count(_count_images(items)) + ((f"not kept: {', '.join(lost)}",) if lost else ())
    return PhotoMetadata(exif=exif, xmp=xmp, native_format="PNG", native=native, notes=notes)


def _read_items(meta: bytes) -> _Items:
    items = _Items()
    for kind, data in list_boxes(meta[4:]):
        cursor = _Cursor(data)
        version = cursor.read_number(1)
        cursor.read_number(3)
        if kind == b"pitm":
            items.primary = cursor.read_number(4 if version else 2)
        elif kind == b"iinf":
            cursor.read_number(4 if version else 2)
            for _, entry in list_boxes(data[cursor.position :]):
                _read_item_entry(items, _Cursor(entry))
        elif kind == b"iloc":
            _read_item_places(items, cursor, version)
        elif kind == b"iref":
            for name, body in list_boxes(data[4:]):
                size, reference = 4 if version else 2, _Cursor(body)
                source, count = reference.read_number(size), reference.read_number(2)
                items.references.append((name, source, [reference.read_number(size) for _ in range(count)]))
        elif kind == b"iprp":
            _read_item_properties(items, data)
        elif kind == b"idat":
            items.data = data
    return items


def _read_item_entry(items: _Items, cursor: _Cursor) -> None:
    version = cursor.read_number(1)
    cursor.read_number(3)
    if version >= 2:
        item = cursor.read_number(4 if version > 2 else 2)
        cursor.read_number(2)
        items.types[item] = cursor.read_bytes(4)
        cursor.read_text()
        items.contents[item] = cursor.read_text()


def _read_item_places(items: _Items, cursor: _Cursor, version: int) -> None:
    sizes = cursor.read_number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(cursor.read_number(4 if version > 1 else 2)):
        item = cursor.read_number(4 if version > 1 else 2)
        method = cursor.read_number(2) & 15 if version else 0
        cursor.read_number(2)
        base = cursor.read_number(base_size)
        for _ in range(cursor.read_number(2)):
            cursor.read_number(index_size)
            place = method, base + cursor.read_number(offset_size), cursor.read_number(length_size)
            items.extents.setdefault(item, []).append(place)
        if cursor.is_at_end():
            return


def _read_item_properties(items: _Items, data: bytes) -> None:
    for kind, body in list_boxes(data):
        if kind == b"ipco":
            items.properties = list(list_boxes(body))
        elif kind == b"ipma":
            cursor = _Cursor(body)
            version, flags = cursor.read_number(1), cursor.read_number(3)
            for _ in range(cursor.read_number(4)):
                item = cursor.read_number(4 if version else 2)
                size = 2 if flags & 1 else 1
                numbers = [
                    cursor.read_number(size) & (0x7FFF if size == 2 else 0x7F) for _ in range(cursor.read_number(1))
                ]
                items.associations.setdefault(item, []).extend(numbers)
                if cursor.is_at_end():
                    return


def _read_item(file: BinaryIO, items: _Items, item: int) -> bytes:
    parts = []
    for method, offset, size in items.extents.get(item, ()):
        if method == 0:
            parts.append(read_from_file(file)(offset, min(size, MAX_ITEM_BYTES)))
        elif method == 1:
            parts.append(items.data[offset : offset + size])
    return b"".join(parts)


def _properties(items: _Items, item: int) -> Iterator[tuple[bytes, bytes]]:
    for number in items.associations.get(item, ()):
        if 0 < number <= len(items.properties):
            yield items.properties[number - 1]


def _describe_auxiliary_images(items: _Items) -> Iterator[str]:
    for kind, source, _ in items.references:
        if kind == b"auxl":
            name = b"".join(body for name, body in _properties(items, source) if name == b"auxC")
            if not any(mark in name for mark in ALPHA_MARKS):
                yield next((label for mark, label in AUXILIARY_LABELS.items() if mark in name), "an auxiliary image")
    if b"tmap" in items.types.values():
        yield "the gain map"


def _count_images(items: _Items) -> int:
    """Images that a viewer shows: without tiles, thumbnails and auxiliary images."""
    parts = {source for kind, source, _ in items.references if kind in (b"auxl", b"thmb")}
    parts |= {target for kind, _, targets in items.references if kind == b"dimg" for target in targets}
    images = {item for item, kind in items.types.items() if kind in (b"hvc1", b"av01", b"grid", b"iden", b"iovl")}
    return len(images - parts)


def _colour_parts(items: _Items) -> Iterator[NativePart]:
    """Colours that are not sRGB, as the chunk of the PNG that a result is."""
    for name, body in _properties(items, items.primary):
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 10:
            primaries, transfer = int.from_bytes(body[4:6]), int.from_bytes(body[6:8])
            is_srgb = primaries in SRGB_PRIMARIES and transfer in SRGB_TRANSFERS
            if not is_srgb and max(primaries, transfer) <= MAX_COLOUR_CODE:
                yield NativePart(b"cICP", bytes([primaries, transfer, 0, 1]), "cICP")
