"""WebP: its chunks, and a file with those of a result."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from attrs import evolve

from zerokd.files.metadata.exif import EXIF_PREFIX
from zerokd.files.metadata.record import NativePart, PhotoMetadata, describe_image_count, describe_trailing_bytes

PIXEL_CHUNKS = (b"VP8 ", b"VP8L", b"ALPH", b"ANMF")
DECODED_CHUNKS = (*PIXEL_CHUNKS, b"VP8X", b"ANIM", b"ICCP")
PROFILE_FLAG, ALPHA_FLAG, EXIF_FLAG, XMP_FLAG = 0x20, 0x10, 0x08, 0x04  # of VP8X
MAX_TRAILING_BYTES = 1 << 28


def list_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Types and contents of all chunks; those of animations are empty."""
    file.seek(4)
    end = 8 + int.from_bytes(file.read(4), "little")
    file.seek(12)
    while file.tell() < end and len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        following = file.tell() + size + size % 2
        yield head[:4], b"" if head[:4] == b"ANMF" else file.read(min(size, end))
        file.seek(following)


def read_webp_metadata(file: BinaryIO) -> PhotoMetadata:
    """The metadata in an open WebP; EXIF and XMP as they are."""
    metadata, frames = PhotoMetadata(native_format="WEBP"), 0
    for kind, data in list_chunks(file):
        frames += kind == b"ANMF"
        if kind == b"EXIF":
            metadata = evolve(metadata, exif=data.removeprefix(EXIF_PREFIX))
        elif kind == b"XMP ":
            metadata = evolve(metadata, xmp=data)
        elif kind not in DECODED_CHUNKS:
            part = NativePart(kind, data, f"{kind.decode('latin-1').strip()} chunk")
            metadata = evolve(metadata, native=(*metadata.native, part))
    notes = describe_image_count(frames)
    return evolve(metadata, notes=notes + describe_trailing_bytes(file.read(MAX_TRAILING_BYTES)))


def encode_webp(
    pixel_chunks: list[tuple[bytes, bytes]],
    size: tuple[int, int],
    has_alpha: bool,
    metadata: PhotoMetadata,
    profile: bytes,
) -> bytes:
    """A whole file: the chunks of its pixels, with metadata.

    Args:
        size: width and height.
    """
    flags = PROFILE_FLAG * bool(profile) | ALPHA_FLAG * has_alpha
    flags |= EXIF_FLAG * bool(metadata.exif) | XMP_FLAG * bool(metadata.xmp)
    native = [(part.kind, part.data) for part in metadata.native] if metadata.native_format == "WEBP" else []
    chunks = [(b"ICCP", profile)] if profile else []
    chunks += [(kind, data) for kind, data in pixel_chunks if kind in PIXEL_CHUNKS]
    chunks += [(b"EXIF", metadata.exif)] if metadata.exif else []
    chunks += [(b"XMP ", metadata.xmp)] if metadata.xmp else []
    chunks += native
    if flags or native:
        sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
        chunks.insert(0, (b"VP8X", bytes([flags, 0, 0, 0]) + sides))
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
