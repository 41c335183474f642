"""Encoded pixels as a file with metadata, in one pass."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from zerokd.files.metadata.directories import Directory, encode_block
from zerokd.files.metadata.exif import has_maker_note, read_exif
from zerokd.files.metadata.png import move_text_out
from zerokd.files.metadata.record import PhotoMetadata
from zerokd.files.metadata.tiff import RESOLUTION_UNIT_TAG, X_RESOLUTION_TAG, encode_resolution
from zerokd.files.metadata.xmp import XmpError, merge_extension

Write = Callable[[bytes], object]
JPEG_TABLE_MARKERS = frozenset(range(0xC0, 0xDC)) | {0xFE, 0xDD}
PNG_HEADER_END = 33
MAX_HEAD_BYTES = 1 << 20


class HeadReplacer:
    """Writes a stream with another head: what an encoder writes before its tables or pixels is replaced.

    Args:
        head: the new one, whole for JPEG; for PNG it follows the header.
    """

    def __init__(self, write: Write, format_name: str, head: bytes):
        self._write, self._head = write, head
        self._find_end = _find_jpeg_head_end if format_name == "JPEG" else _find_png_head_end
        self._prefix_size = 0 if format_name == "JPEG" else PNG_HEADER_END
        self._pending: bytearray | None = bytearray()

    def write(self, data: bytes) -> None:
        """Take the next bytes of the encoder."""
        if self._pending is None:
            self._write(data)
            return
        self._pending += data
        end = self._find_end(self._pending)
        if end:
            self._write(bytes(self._pending[: self._prefix_size]) + self._head + bytes(self._pending[end:]))
            self._pending = None


def _find_jpeg_head_end(data: bytearray) -> int:
    """Where the first segment that belongs to the pixels begins; 0 if it has not come yet."""
    position = 2
    while position + 4 <= len(data):
        if data[position + 1] in JPEG_TABLE_MARKERS:
            return position
        position += 2 + int.from_bytes(data[position + 2 : position + 4])
    return 0


def _find_png_head_end(data: bytearray) -> int:
    """Where the first chunk of pixels begins; 0 if it has not come yet."""
    position = PNG_HEADER_END
    while position + 8 <= len(data):
        if data[position + 4 : position + 8] == b"IDAT":
            return position
        position += 12 + int.from_bytes(data[position : position + 4])
    return 0


def convert_metadata(metadata: PhotoMetadata, format_name: str) -> tuple[PhotoMetadata, list[str]]:
    """The metadata as a file of another format holds it, and what it cannot hold."""
    if format_name == metadata.native_format:
        return metadata, []
    if metadata.native_format == "PNG":
        metadata = move_text_out(metadata)
    lost = [part.label for part in metadata.native if part.label]
    metadata = evolve(metadata, native=())
    if metadata.xmp_extension:
        try:
            metadata = evolve(metadata, xmp=merge_extension(metadata.xmp, metadata.xmp_extension), xmp_extension=b"")
        except XmpError:
            metadata = evolve(metadata, xmp_extension=b"")
            lost.append("extended XMP")
    if format_name == "WEBP":
        metadata, lost_resolution = _move_resolution_into_exif(metadata)
        lost += lost_resolution
        lost += ["IPTC"] if metadata.iptc else []
        lost += ["Photoshop's image resources"] if metadata.photoshop and not metadata.iptc else []
    lost += ["a comment"] if metadata.comments and format_name in ("WEBP", "TIFF") else []
    if format_name == "BMP":
        names = {"EXIF": metadata.exif, "XMP": metadata.xmp, "IPTC": metadata.iptc, "a comment": metadata.comments}
        lost += [name for name, content in names.items() if content]
    return metadata, lost


def _move_resolution_into_exif(metadata: PhotoMetadata) -> tuple[PhotoMetadata, list[str]]:
    """WebP has no resolution of its own; EXIF that declares one, or that must not move, stays as it is."""
    if metadata.resolution is None:
        return metadata, []
    directory = read_exif(metadata.exif) if metadata.exif else Directory()
    if X_RESOLUTION_TAG in directory.entries and RESOLUTION_UNIT_TAG in directory.entries:
        return metadata, []
    if has_maker_note(directory):
        return metadata, ["the resolution"]
    directory.entries |= encode_resolution(metadata.resolution)
    return evolve(metadata, exif=encode_block(directory)), []
