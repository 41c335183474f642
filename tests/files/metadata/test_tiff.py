"""TIFF: the tags of its first page are kept, whatever program wrote them."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from zerokd.files.metadata.record import CENTIMETRE_METRES, INCH_METRES, PhotoMetadata, Resolution
from zerokd.files.metadata.tiff import REFERRING_NOTE, add_tiff_metadata, encode_resolution, read_tiff_metadata

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
IPTC = b"\x1c\x02\x69\0\x04head"


def encode(tags=(), **options):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, kind, value in tags:
        info.tagtype[tag] = kind
        info[tag] = value
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "TIFF", tiffinfo=info, **options)
    return file.getvalue()


def read(content):
    return read_tiff_metadata(io.BytesIO(content))


def rewrite(metadata, profile=b"", **options):
    file = io.BytesIO(encode(**options))
    notes = add_tiff_metadata(file, metadata, profile)
    return file.getvalue(), notes


@pytest.mark.parametrize("big", [False, True])
def test_every_tag_comes_back(big):
    tags = [
        (0x010F, 2, "Maker"), (0x013C, 2, "A phone"), (700, 1, b"<x/>"), (33723, 7, IPTC), (33550, 12, (1.5, 2.5, 0.0)),
        (50000, 3, (7, 8, 9)),
    ]  # fmt: skip
    metadata = read(encode(tags, dpi=(300, 150), big_tiff=big))
    assert (metadata.xmp, metadata.iptc, metadata.notes) == (b"<x/>", IPTC, ())
    assert metadata.resolution == Resolution(300, 150, INCH_METRES)
    content, notes = rewrite(metadata, b"a profile", big_tiff=big)
    assert notes == []
    again = read(content)
    assert (again.exif, again.xmp, again.iptc, again.resolution) == (
        metadata.exif,
        b"<x/>",
        IPTC,
        metadata.resolution,
    )
    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(np.asarray(image), PIXELS)
        values = image.tag_v2
        assert (values[0x010F], values[0x013C], values[33550], values[50000]) == (
            "Maker",
            "A phone",
            (1.5, 2.5, 0.0),
            (7, 8, 9),
        )
        assert image.info["icc_profile"] == b"a profile"
        assert image.info["dpi"] == (300, 150)


def test_pages_previews_and_layers_are_named():
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "TIFF", save_all=True, append_images=[Image.fromarray(PIXELS)] * 2)
    assert read(file.getvalue()).notes == ("it holds 3 images; the first one is used",)
    tags = [(330, 4, (8,)), (37724, 7, b"Adobe Photoshop Document Data Block\0")]
    assert read(encode(tags)).notes == ("not kept: previews or layers in further directories, Photoshop's layers",)


def test_a_maker_note_that_moves_is_named():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = b"refers to places"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    content, notes = rewrite(PhotoMetadata(exif=block, native_format="JPEG"))
    assert notes == [REFERRING_NOTE]
    assert read(content).notes == (REFERRING_NOTE,)
    assert b"refers to places" in content


def test_a_result_without_resolution_declares_none():
    content, _ = rewrite(PhotoMetadata(), dpi=(72, 72))
    assert read(content).resolution is None


@pytest.mark.parametrize(
    ("resolution", "unit", "value"),
    [
        (Resolution(11811, 11811, 1.0), 2, 300),
        (Resolution(50, 50, CENTIMETRE_METRES), 3, 50),
        (Resolution(2, 1, 0.0), 1, 2),
    ],
)
def test_units_of_resolution(resolution, unit, value):
    entries = encode_resolution(resolution)
    assert struct.unpack("<H", entries[296].data) == (unit,)
    assert entries[282].integers() == (value * 1000, 1000)
