"""HEIF: the items beside the image, in AVIF that Pillow writes and in boxes made here."""

import io
import struct

import pytest
from PIL import Image, features

from zerokd.files.metadata.heif import list_boxes, read_heif_metadata
from zerokd.files.photo_format import HEIC_SAMPLE

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def read(content):
    return read_heif_metadata(io.BytesIO(content))


@needs_avif
def test_exif_and_xmp_of_avif_are_read_to_the_byte():
    exif = Image.Exif()
    exif[0x010F], exif[0x013C] = "Maker", "A phone"
    file = io.BytesIO()
    Image.new("RGBA", (16, 16), (1, 2, 3, 4)).save(file, "AVIF", exif=exif, xmp=b"<x/>")
    metadata = read(file.getvalue())
    again = Image.Exif()
    again.load(metadata.exif.removeprefix(b"Exif\0\0"))
    assert (again[0x010F], again[0x013C]) == ("Maker", "A phone")
    assert (metadata.xmp, metadata.notes, metadata.native) == (b"<x/>", (), ())  # alpha is a channel, not a loss


@needs_avif
def test_a_sequence_is_named():
    file = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (level, 0, 0)) for level in (0, 100, 200)]
    frames[0].save(file, "AVIF", save_all=True, append_images=frames[1:])
    assert read(file.getvalue()).notes == ("not kept: an image sequence",)


def with_items(items, references=b"", properties=b"", associations=b""):
    """A file that declares items (number and type) without any content."""
    entries = b"".join(box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), kind, b"\0") for number, kind in items)
    meta = box(b"pitm", bytes(4), struct.pack(">H", 1))
    meta += box(b"iinf", bytes(4), struct.pack(">H", len(items)), entries)
    meta += box(b"iref", bytes(4), references) + box(b"iprp", box(b"ipco", properties), box(b"ipma", associations))
    return box(b"ftyp", b"heic\0\0\0\0") + box(b"meta", bytes(4), meta)


def test_auxiliary_images_are_named():
    references = box(b"auxl", struct.pack(">HHH", 2, 1, 1)) + box(b"thmb", struct.pack(">HHH", 3, 1, 1))
    properties = box(b"auxC", bytes(4), b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
    associations = bytes(4) + struct.pack(">IHBB", 1, 2, 1, 1)
    items = [(1, b"hvc1"), (2, b"hvc1"), (3, b"hvc1"), (4, b"hvc1")]
    content = with_items(items, references, properties, associations)
    assert read(content).notes == ("it holds 2 images; the first one is used", "not kept: the gain map")
    assert read(content + box(b"mpvd", b"video")).notes[1] == "not kept: the gain map, the video of the motion photo"


@pytest.mark.parametrize(("primaries", "transfer", "expected"), [(1, 13, None), (2, 2, None), (9, 16, [9, 16, 0, 1])])
def test_colours_that_are_not_srgb_go_into_the_png(primaries, transfer, expected):
    properties = box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, 9, 128))
    content = with_items([(1, b"av01")], b"", properties, bytes(4) + struct.pack(">IHBB", 1, 1, 1, 0x81))
    metadata = read(content)
    assert [list(part.data) for part in metadata.native] == ([expected] if expected else [])


def test_no_bytes_make_it_hang_or_fail():
    for content in (b"", HEIC_SAMPLE, *(HEIC_SAMPLE[:size] for size in range(0, len(HEIC_SAMPLE), 7))):
        read(content)
    for place in range(len(HEIC_SAMPLE)):
        damaged = bytearray(HEIC_SAMPLE)
        damaged[place] ^= 0xFF
        read(bytes(damaged))
    assert list(list_boxes(b"\0\0\0\3abcd" * 2)) == []
