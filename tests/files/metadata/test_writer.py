"""Another head before the same pixels, and metadata from one format in another."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.files.metadata.test_xmp import packet
from zerokd.files.metadata.exif import read_exif
from zerokd.files.metadata.record import INCH_METRES, NativePart, PhotoMetadata, Resolution
from zerokd.files.metadata.writer import HeadReplacer, convert_metadata

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
TITLE = NativePart(b"tEXt", b"Title\0night", "text 'Title'")
ALL = PhotoMetadata(
    exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0",
    xmp=packet(),
    iptc=b"\x1c\x02\x69\0\1h",
    comments=(b"a comment",),
    resolution=Resolution(300, 300, INCH_METRES),
    native_format="PNG",
    native=(TITLE, NativePart(b"sRGB", b"\0", "")),
)


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_head_is_replaced_whatever_the_size_of_the_parts(kind, step):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, dpi=(72, 72), comment="old")
    content, parts = file.getvalue(), []
    head = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\1\0\xc8\0\xc8\0\0" if kind == "JPEG" else b""
    replacer = HeadReplacer(parts.append, kind, head)
    for start in range(0, len(content), step):
        replacer.write(content[start : start + step])
    with Image.open(io.BytesIO(b"".join(parts))) as image, Image.open(file) as before:
        assert np.array_equal(np.asarray(image), np.asarray(before))
        assert image.info.get("dpi") == ((200, 200) if kind == "JPEG" else None)


@pytest.mark.parametrize(
    ("format_name", "lost"),
    [
        ("PNG", []),
        ("JPEG", ["text 'Title'"]),
        ("TIFF", ["text 'Title'", "a comment"]),
        ("WEBP", ["text 'Title'", "IPTC", "a comment"]),
        ("BMP", ["text 'Title'", "EXIF", "XMP", "IPTC", "a comment"]),
    ],
)
def test_what_a_format_cannot_hold_is_listed(format_name, lost):
    assert convert_metadata(ALL, format_name)[1] == lost


def test_a_webp_has_its_resolution_in_exif():
    metadata, _ = convert_metadata(ALL, "WEBP")
    assert read_exif(metadata.exif).entries[282].integers() == (300_000, 1000)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = b"refers to places"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    metadata, lost = convert_metadata(PhotoMetadata(exif=block, resolution=ALL.resolution), "WEBP")
    assert (metadata.exif, lost) == (block, ["the resolution"])


def test_extended_xmp_is_merged_or_named():
    jpeg = PhotoMetadata(xmp=packet(), xmp_extension=packet(body="<dc:subject>far</dc:subject>"), native_format="JPEG")
    assert convert_metadata(jpeg, "JPEG") == (jpeg, [])
    metadata, lost = convert_metadata(jpeg, "PNG")
    assert b"<dc:subject>far" in metadata.xmp
    assert lost == []
    damaged = PhotoMetadata(xmp=packet(), xmp_extension=b"<a", native_format="JPEG")
    assert convert_metadata(damaged, "PNG")[1] == ["extended XMP"]
