"""JPEG: segments and what lies behind the image, by the bytes of the file."""

import hashlib
import io
import struct

import numpy as np
import pytest
from PIL import Image

from zerokd.files.metadata.jpeg import encode_jpeg_head, read_jpeg_metadata, split_jpeg
from zerokd.files.metadata.record import INCH_METRES, PhotoMetadata, Resolution

XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"


def encode(size=(16, 16), **options):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


def segment(marker, data):
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data


def with_segments(*segments, jpeg=None):
    content = jpeg or encode()
    return content[:2] + b"".join(segment(*parts) for parts in segments) + content[2:]


JPEG = encode()
VIDEO = struct.pack(">I", 24) + b"ftypmp42" + bytes(12) + b"mdat"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100}, {"restart_marker_blocks": 1}])
def test_the_end_of_an_image_is_that_of_its_last_scan(options):
    jpeg = with_segments((0xE4, b"\xff\xd9 inside"), jpeg=encode(**options))
    assert split_jpeg(jpeg + b"tail")[1] == len(jpeg)
    assert split_jpeg(jpeg[: len(jpeg) // 2])[1] == len(jpeg) // 2


@pytest.mark.parametrize(
    ("tail", "note"),
    [
        (b"", ()),
        (bytes(64), ()),
        (VIDEO, ("not kept: the video of the motion photo",)),
        (b"some maker's data", ("not kept: 17 bytes after the image",)),
        (JPEG, (f"not kept: a further image of {len(JPEG)} bytes",)),
        (with_segments((0xE1, XMP_PREFIX + b"urn:com:apple:photo:2020:aux:hdrgainmap")), ("not kept: the gain map",)),
        (with_segments((0xE1, XMP_PREFIX + b"ns.google.com/photos/1.0/depthmap/")), ("not kept: the depth map",)),
        (JPEG + VIDEO, (f"not kept: a further image of {len(JPEG)} bytes, the video of the motion photo",)),
        (with_segments((0xE2, b"urn:iso:std:iso:ts:21496:-1\0more")), ("not kept: the gain map",)),
    ],
)
def test_what_lies_behind_the_image_is_named(tail, note):
    assert read_jpeg_metadata(JPEG + tail).notes == note


def test_content_credentials_are_named():
    jpeg = with_segments((0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb" + bytes(20)), (0xEB, b"another"))
    assert read_jpeg_metadata(jpeg).notes == ("not kept: content credentials, APP11 segment",)


def test_everything_is_read_and_written_again():
    exif, xmp, extension, iptc = b"II*\0" + bytes(8), b"<x/>", b"<y>" + b"e" * 70_000, b"\x1c\x02\x69\0\1h"
    metadata = PhotoMetadata(
        exif=exif,
        xmp=xmp,
        xmp_extension=extension,
        iptc=iptc,
        resolution=Resolution(300, 150, INCH_METRES),
        comments=(b"a comment", b"ein \xfc"),
        native_format="JPEG",
        native=read_jpeg_metadata(with_segments((0xEC, b"Ducky\0\1"), (0xE1, b"FLIR\0\1"))).native,
    )
    profile = bytes(range(256)) * 300
    head, lost = encode_jpeg_head(metadata, profile)
    assert lost == []
    content = head + JPEG[20:]  # after its own JFIF
    again = read_jpeg_metadata(content)
    assert (again.exif, again.xmp, again.xmp_extension, again.iptc) == (exif, xmp, extension, iptc)
    assert (again.resolution, again.comments, again.native) == (
        metadata.resolution,
        metadata.comments,
        metadata.native,
    )
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == (300, 150)
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(JPEG))))
    assert hashlib.md5(extension).hexdigest().upper().encode() in content


def test_a_shape_of_pixels_has_no_unit():
    jpeg = bytearray(JPEG)
    jpeg[13:18] = struct.pack(">BHH", 0, 1, 2)
    metadata = read_jpeg_metadata(bytes(jpeg))
    assert metadata.resolution == Resolution(1, 2, 0.0)
    assert encode_jpeg_head(metadata, b"")[0][13:18] == jpeg[13:18]


def test_xmp_that_no_segment_holds_is_named():
    head, lost = encode_jpeg_head(PhotoMetadata(xmp=b"x" * 70_000), b"")
    assert lost == ["XMP of 70000 bytes"]
    assert len(head) == 20
