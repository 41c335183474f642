"""The metadata of a photo, independent of the format of its file."""

from __future__ import annotations

from attrs import frozen

INCH_METRES, CENTIMETRE_METRES = 0.0254, 0.01
ROUNDING = 0.01  # of PNG and BMP, which count pixels per metre in integers


@frozen
class NativePart:
    """A chunk or segment that a file of the same format takes as it is.

    Attributes:
        kind: the chunk's type, or the marker of a JPEG segment.
        label: what users call it.
    """

    kind: bytes
    data: bytes
    label: str


@frozen
class Resolution:
    """Pixels per ``unit_metres``; a ratio without unit (0.0) gives the shape of a pixel alone."""

    x: float
    y: float
    unit_metres: float

    def convert(self, unit_metres: float) -> tuple[float, float]:
        """Pixels per another unit; 11811 per metre are 300 per inch."""
        factor = unit_metres / self.unit_metres
        values = (self.x * factor, self.y * factor)
        x, y = (round(value) if abs(value - round(value)) < ROUNDING else value for value in values)
        return x, y


@frozen
class PhotoMetadata:
    """What a photo's file holds beside its pixels and its colour profile.

    Attributes:
        exif: a TIFF structure whose orientation is upright, without a thumbnail.
        xmp, xmp_extension: an XMP packet, and what a JPEG holds of it in segments of their own.
        iptc: IPTC-IIM records.
        photoshop: Photoshop's image resources, with IPTC, without thumbnails.
        comments: in the file's encoding.
        native_format: the format of ``native``.
        native: what only files of the same format can hold.
        notes: what no result can hold, as sentences.
    """

    exif: bytes = b""
    xmp: bytes = b""
    xmp_extension: bytes = b""
    iptc: bytes = b""
    photoshop: bytes = b""
    resolution: Resolution | None = None
    comments: tuple[bytes, ...] = ()
    native_format: str = ""
    native: tuple[NativePart, ...] = ()
    notes: tuple[str, ...] = ()


def describe_image_count(count: int) -> tuple[str, ...]:
    """The note on a file with several images; empty for one."""
    return (f"it holds {count} images; the first one is used",) if count > 1 else ()


def describe_trailing_bytes(data: bytes) -> tuple[str, ...]:
    """The note on bytes after the end of an image; empty for padding."""
    return (f"not kept: {len(data)} bytes after the image",) if data.strip(b"\0\r\n \xff") else ()
