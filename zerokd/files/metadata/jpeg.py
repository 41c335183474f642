"""JPEG: its segments before the image data, and what lies behind the image."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator

from attrs import evolve

from zerokd.files.metadata.exif import EXIF_PREFIX, fit_exif
from zerokd.files.metadata.photoshop import add_iptc, find_iptc, remove_thumbnails
from zerokd.files.metadata.record import (
    CENTIMETRE_METRES,
    INCH_METRES,
    NativePart,
    PhotoMetadata,
    Resolution,
    describe_trailing_bytes,
)

APP0, APP1, APP2, APP11, APP13, APP14, COMMENT = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
XMP_PREFIX, EXTENSION_PREFIX = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
ICC_PREFIX, MPF_PREFIX, PHOTOSHOP_PREFIX = b"ICC_PROFILE\0", b"MPF\0", b"Photoshop 3.0\0"
GAIN_MAP_PREFIX = b"urn:iso:std:iso:ts:21496:-1\0"
GAIN_MAP_MARKS = (b"hdr-gain-map", b"HDRGainMap", b"hdrgainmap", GAIN_MAP_PREFIX)
DEPTH_MARKS = (b"aux:depth", b"aux:disparity", b"depthmap", b"DepthMap")
NEXT_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # in a scan: no stuffed zero, no restart
MAX_SEGMENT_BYTES = 65533
MAX_XMP_BYTES = MAX_SEGMENT_BYTES - len(XMP_PREFIX)
DENSITY_UNITS = {0: 0.0, 1: INCH_METRES, 2: CENTIMETRE_METRES}


def read_jpeg_metadata(content: bytes) -> PhotoMetadata:
    """The metadata in the bytes of a JPEG; EXIF and XMP as they are."""
    segments, end = split_jpeg(content)
    metadata, extension = PhotoMetadata(native_format="JPEG"), dict[int, bytes]()
    profiles, lost = b"", list[str]()
    for marker, data in segments:
        if marker == APP0 and data.startswith(b"JFIF\0") and len(data) >= 12:
            metadata = evolve(metadata, resolution=_read_density(data))
        elif marker == APP1 and data.startswith(EXIF_PREFIX) and not metadata.exif:
            metadata = evolve(metadata, exif=data[len(EXIF_PREFIX) :])
        elif marker == APP1 and data.startswith(XMP_PREFIX) and not metadata.xmp:
            metadata = evolve(metadata, xmp=data[len(XMP_PREFIX) :])
        elif marker == APP1 and data.startswith(EXTENSION_PREFIX):
            head = len(EXTENSION_PREFIX) + 40  # a digest, the size of all, and the offset of this part
            extension[int.from_bytes(data[head - 4 : head])] = data[head:]
        elif marker == APP13 and data.startswith(PHOTOSHOP_PREFIX):
            profiles += data[len(PHOTOSHOP_PREFIX) :]
        elif marker == COMMENT:
            metadata = evolve(metadata, comments=(*metadata.comments, data))
        elif marker == APP11:
            lost.append("content credentials" if b"jumb" in data[:32] else "APP11 segment")
        elif not _is_stale(marker, data):
            metadata = evolve(metadata, native=(*metadata.native, _native_part(marker, data)))
    lost += _describe_further_data(content[end:], metadata.xmp)
    notes = (f"not kept: {', '.join(dict.fromkeys(lost))}",) if lost else ()
    resources = remove_thumbnails(profiles)
    parts = b"".join(extension[offset] for offset in sorted(extension))
    return evolve(metadata, photoshop=resources, iptc=find_iptc(resources), xmp_extension=parts, notes=notes)


def split_jpeg(content: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """The segments of an image by marker, without the data of scans, and the place of its end."""
    segments: list[tuple[int, bytes]] = []
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            match = NEXT_MARKER.search(content, position)
            if match is None:
                break
            position = match.start()
        marker = content[position + 1]
        if marker == END_OF_IMAGE:
            return segments, position + 2
        if marker in (0xFF, 0x01, 0xD8) or 0xD0 <= marker <= 0xD7:  # without content
            position += 1 if marker == 0xFF else 2
            continue
        size = int.from_bytes(content[position + 2 : position + 4])
        segments.append((marker, content[position + 4 : position + 2 + size]))
        position += 2 + size
        if marker == START_OF_SCAN:
            match = NEXT_MARKER.search(content, position)
            position = match.start() if match else len(content)
    return segments, position + 2 if content[position : position + 2] == b"\xff\xd9" else len(content)


def _is_stale(marker: int, data: bytes) -> bool:
    """Whether a segment belongs to the pixels, to their profile, or to what lies behind the image."""
    if not APP0 <= marker <= 0xEF:
        return True
    if marker == APP0:
        return data.startswith((b"JFIF\0", b"JFXX\0"))
    return (marker == APP2 and data.startswith((ICC_PREFIX, MPF_PREFIX, GAIN_MAP_PREFIX))) or (
        marker == APP14 and data.startswith(b"Adobe")
    )


def _native_part(marker: int, data: bytes) -> NativePart:
    name = re.match(rb"[\w .]{2,20}", data)
    label = f"JPEG segment APP{marker - APP0}" + (f" ({name.group().decode()})" if name else "")
    return NativePart(bytes([marker]), data, label)


def _read_density(data: bytes) -> Resolution | None:
    unit, x, y = data[7], int.from_bytes(data[8:10]), int.from_bytes(data[10:12])
    if not x or not y or unit not in DENSITY_UNITS or (unit == 0 and x == y):
        return None
    return Resolution(x, y, DENSITY_UNITS[unit])


def _describe_further_data(data: bytes, xmp: bytes) -> Iterator[str]:
    """What lies behind the image: further images, a video, other bytes."""
    while True:
        start = data.find(b"\xff\xd8\xff")
        if start < 0 or data[:start].strip(b"\0\r\n \xff") or b"ftyp" in data[:start]:
            break
        data = data[start:]
        _, end = split_jpeg(data)
        image, data = data[:end], data[end:]
        if any(mark in image or mark in xmp for mark in GAIN_MAP_MARKS):
            yield "the gain map"
        elif any(mark in image for mark in DEPTH_MARKS):
            yield "the depth map"
        else:
            yield f"a further image of {len(image)} bytes"
    if b"ftyp" in data:
        yield "the video of the motion photo"
    else:
        yield from (note.removeprefix("not kept: ") for note in describe_trailing_bytes(data))


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data


def encode_jpeg_head(metadata: PhotoMetadata, profile: bytes) -> tuple[bytes, list[str]]:
    """The start of a JPEG up to its tables, and what it cannot hold."""
    lost: list[str] = []
    parts = [b"\xff\xd8", _segment(APP0, b"JFIF\0\1\1" + _encode_density(metadata.resolution) + b"\0\0")]
    if metadata.exif:
        exif, lost = fit_exif(metadata.exif, MAX_SEGMENT_BYTES - len(EXIF_PREFIX))
        parts.append(_segment(APP1, EXIF_PREFIX + exif))
    if len(metadata.xmp) > MAX_XMP_BYTES:
        lost.append(f"XMP of {len(metadata.xmp)} bytes")
    elif metadata.xmp:
        parts += [_segment(APP1, XMP_PREFIX + metadata.xmp), *_extension_segments(metadata.xmp_extension)]
    parts += _profile_segments(profile)
    resources = add_iptc(metadata.photoshop, metadata.iptc)
    size = MAX_SEGMENT_BYTES - len(PHOTOSHOP_PREFIX)
    parts += [
        _segment(APP13, PHOTOSHOP_PREFIX + resources[start : start + size]) for start in range(0, len(resources), size)
    ]
    if metadata.native_format == "JPEG":
        parts += [_segment(part.kind[0], part.data) for part in metadata.native]
    for comment in metadata.comments:
        parts += [
            _segment(COMMENT, comment[start : start + MAX_SEGMENT_BYTES])
            for start in range(0, len(comment), MAX_SEGMENT_BYTES)
        ]
    return b"".join(parts), lost


def _encode_density(resolution: Resolution | None) -> bytes:
    if resolution is None:
        return struct.pack(">BHH", 0, 1, 1)
    if not resolution.unit_metres:
        pair, unit = (resolution.x, resolution.y), 0
    else:
        unit = 2 if resolution.unit_metres == CENTIMETRE_METRES else 1
        pair = resolution.convert(DENSITY_UNITS[unit])
    return struct.pack(">BHH", unit, *(min(max(round(value), 1), 65535) for value in pair))


def _extension_segments(extension: bytes) -> list[bytes]:
    digest = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper().encode()
    size = MAX_SEGMENT_BYTES - len(EXTENSION_PREFIX) - 40
    return [
        _segment(
            APP1,
            EXTENSION_PREFIX + digest + struct.pack(">II", len(extension), start) + extension[start : start + size],
        )
        for start in range(0, len(extension), size)
    ]


def _profile_segments(profile: bytes) -> list[bytes]:
    size = MAX_SEGMENT_BYTES - len(ICC_PREFIX) - 2
    parts = [profile[start : start + size] for start in range(0, len(profile), size)]
    return [_segment(APP2, ICC_PREFIX + bytes([index, len(parts)]) + part) for index, part in enumerate(parts, 1)]
