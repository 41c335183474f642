"""PNG: its chunks, and those that a result holds too."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from attrs import evolve

from zerokd.files.metadata.exif import EXIF_PREFIX
from zerokd.files.metadata.photoshop import add_iptc, find_iptc, remove_thumbnails
from zerokd.files.metadata.record import (
    NativePart,
    PhotoMetadata,
    Resolution,
    describe_image_count,
    describe_trailing_bytes,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DECODED_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"acTL", b"fcTL", b"fdAT"}
TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt"}
COLOUR_CHUNKS = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"}
LASTING_CHUNKS = COLOUR_CHUNKS | {
    b"tIME",
    b"pCAL",
    b"sCAL",
    b"oFFs",
}  # right for other pixels too, whatever their names say
PIXEL_CHUNKS = {b"iDOT", b"caBX", b"sBIT"}  # of the bytes or the bits of the pixels before
CHUNK_LABELS = {b"caBX": "content credentials", b"sRGB": ""}  # no profile means sRGB in every format
XMP_KEYWORD, COMMENT_KEYWORD, IPTC_KEYWORD = b"XML:com.adobe.xmp", b"Comment", b"Raw profile type iptc"
MAX_CHUNK_BYTES = 1 << 28
MAX_TEXT_BYTES = 16 << 20  # of what is unpacked


def read_png_metadata(file: BinaryIO) -> PhotoMetadata:
    """The metadata in an open PNG; EXIF and XMP as they are."""
    metadata, lost = PhotoMetadata(native_format="PNG"), list[str]()
    frames, has_default_image, is_before_image = 0, True, True
    for kind, data in list_chunks(file):
        if kind == b"fcTL":
            frames += 1
            has_default_image = has_default_image and not is_before_image
        is_before_image = is_before_image and kind != b"IDAT"
        keyword = data.partition(b"\0")[0] if kind in TEXT_CHUNKS else b""
        if data is UNREADABLE and kind not in DECODED_CHUNKS:  # of those the decoder is the judge
            lost.append(f"damaged {kind.decode('latin-1')}")
        elif kind == b"eXIf" and not metadata.exif:
            metadata = evolve(metadata, exif=data.removeprefix(EXIF_PREFIX))
        elif keyword == XMP_KEYWORD and kind == b"iTXt" and not metadata.xmp:
            metadata = evolve(metadata, xmp=_read_text(kind, data))
        elif kind == b"pHYs" and len(data) == 9:
            metadata = evolve(metadata, resolution=_read_physical_size(data))
        elif kind not in DECODED_CHUNKS and _is_lasting(kind):
            metadata = evolve(metadata, native=(*metadata.native, NativePart(kind, data, _label(kind, keyword))))
        elif kind not in DECODED_CHUNKS:
            lost.append(CHUNK_LABELS.get(kind, f"{kind.decode('latin-1')} chunk"))
    notes = describe_image_count(frames + has_default_image if frames else 1)
    notes += (f"not kept: {', '.join(dict.fromkeys(lost))}",) if lost else ()
    return evolve(metadata, notes=notes + describe_trailing_bytes(file.read(MAX_CHUNK_BYTES)))


UNREADABLE = b"unreadable"  # the content of a chunk that is damaged or far too large


def list_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Types and contents of all chunks up to the end of the image; those with pixels are empty."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4]), head[4:]
        if kind in (b"IDAT", b"fdAT") or size > MAX_CHUNK_BYTES:
            file.seek(size + 4, 1)
            yield kind, b"" if kind in (b"IDAT", b"fdAT") else UNREADABLE
        else:
            data = file.read(size)
            is_whole = zlib.crc32(data, zlib.crc32(kind)) == int.from_bytes(file.read(4))
            yield kind, data if is_whole else UNREADABLE
        if kind == b"IEND":
            return


def _is_lasting(kind: bytes) -> bool:
    """Whether a chunk stays right for other pixels: the case of the last letter tells it of unknown ones."""
    return kind in LASTING_CHUNKS | TEXT_CHUNKS or (kind not in PIXEL_CHUNKS and kind[3:4].islower())


def _label(kind: bytes, keyword: bytes) -> str:
    name = CHUNK_LABELS.get(kind, kind.decode("latin-1"))
    return f"text {keyword.decode('latin-1')!r}" if keyword else name


def _read_text(kind: bytes, data: bytes) -> bytes:
    """The text of a chunk, unpacked; empty if that fails."""
    rest = data.partition(b"\0")[2]
    is_packed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1")
    if kind == b"iTXt":
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind == b"zTXt":
        rest = rest[1:]
    if not is_packed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, MAX_TEXT_BYTES)
    except zlib.error:
        return b""


def _read_physical_size(data: bytes) -> Resolution | None:
    x, y, unit = struct.unpack(">IIB", data)
    return Resolution(x, y, 1.0 if unit == 1 else 0.0) if x and y and unit <= 1 else None


def move_text_out(metadata: PhotoMetadata) -> PhotoMetadata:
    """The metadata of a PNG for another format: its comments and IPTC, which others store elsewhere."""
    comments, native, iptc, photoshop = list(metadata.comments), [], metadata.iptc, metadata.photoshop
    for part in metadata.native:
        keyword = part.data.partition(b"\0")[0]
        if part.kind in TEXT_CHUNKS and keyword == COMMENT_KEYWORD:
            text = _read_text(part.kind, part.data)
            comments.append(text if part.kind == b"iTXt" else text.decode("latin-1").encode())
        elif part.kind in TEXT_CHUNKS and keyword == IPTC_KEYWORD and (block := _read_raw_profile(part)):
            photoshop = remove_thumbnails(block)
            iptc = find_iptc(block) or block
        else:
            native.append(part)
    return evolve(metadata, comments=tuple(comments), native=tuple(native), iptc=iptc, photoshop=photoshop)


def _read_raw_profile(part: NativePart) -> bytes:
    """Bytes that ImageMagick's convention stores as hexadecimal digits after a line with a name and one with a size."""
    lines = _read_text(part.kind, part.data).strip().splitlines()
    try:
        return bytes.fromhex(b"".join(lines[2:]).decode("ascii"))
    except ValueError:
        return b""


def encode_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def encode_png_chunks(metadata: PhotoMetadata, profile: bytes) -> tuple[bytes, list[str]]:
    """The chunks between the header and the pixels of a PNG, and what it cannot hold."""
    is_native, lost = metadata.native_format == "PNG", list[str]()
    native = metadata.native if is_native else ()
    chunks = [(part.kind, part.data) for part in native if part.kind in COLOUR_CHUNKS]
    chunks += [(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))] if profile else []
    chunks += [(b"pHYs", _encode_physical_size(metadata.resolution))] if metadata.resolution else []
    chunks += [(b"eXIf", metadata.exif)] if metadata.exif else []
    chunks += [(b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp)] if metadata.xmp else []
    chunks += [(part.kind, part.data) for part in native if part.kind not in COLOUR_CHUNKS]
    if not is_native:
        chunks += [_encode_comment(comment) for comment in metadata.comments]
        resources = add_iptc(metadata.photoshop, metadata.iptc)
        chunks += [_encode_raw_profile(resources)] if resources else []
    return b"".join(encode_chunk(kind, data) for kind, data in chunks), lost


def _encode_physical_size(resolution: Resolution) -> bytes:
    has_unit = bool(resolution.unit_metres)
    pair = resolution.convert(1.0) if has_unit else (resolution.x, resolution.y)
    return struct.pack(">IIB", *(min(max(round(value), 1), 2**31 - 1) for value in pair), int(has_unit))


def _encode_comment(comment: bytes) -> tuple[bytes, bytes]:
    try:
        comment.decode("utf-8")
    except UnicodeDecodeError:
        comment = comment.decode("latin-1").encode()
    return b"iTXt", COMMENT_KEYWORD + b"\0\0\0\0\0" + comment.replace(b"\0", b"")


def _encode_raw_profile(resources: bytes) -> tuple[bytes, bytes]:
    digits = resources.hex().encode()
    lines = b"\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    text = b"\niptc\n%8d\n%s\n" % (len(resources), lines)
    return b"zTXt", IPTC_KEYWORD + b"\0\0" + zlib.compress(text)
