"""Metadata as a result that is upright holds it; what is damaged costs no photo."""

import io
import random
import struct

import pytest
from PIL import Image

from tests.data.zoo import JPEG, png_chunk
from tests.files.metadata.test_jpeg import with_segments
from tests.files.metadata.test_xmp import packet
from zerokd.files.metadata.exif import read_exif
from zerokd.files.metadata.jpeg import encode_jpeg_head
from zerokd.files.metadata.png import encode_png_chunks
from zerokd.files.metadata.reader import read_metadata
from zerokd.files.metadata.record import INCH_METRES, Resolution
from zerokd.files.metadata.tiff import add_tiff_metadata
from zerokd.files.metadata.writer import convert_metadata


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a"


def test_a_turned_photo_is_upright_in_exif_xmp_and_resolution(path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    Image.new("RGB", (8, 6)).save(path, "JPEG", exif=exif, dpi=(300, 150), xmp=packet('tiff:Orientation="6"'))
    metadata = read_metadata(path, "JPEG")
    assert read_exif(metadata.exif).entries[0x0112].integers() == (1,)
    assert b'tiff:Orientation="1"' in metadata.xmp
    assert metadata.resolution == Resolution(150, 300, INCH_METRES)


def test_exif_of_nothing_but_an_orientation_is_none(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        Image.new("RGB", (8, 6)).save(path, kind, exif=exif)
        assert read_metadata(path, kind).exif == b""


def test_damaged_parts_are_named(path):
    path.write_bytes(
        with_segments(
            (0xE1, b"Exif\0\0II*\0" + b"\xff" * 60), (0xE1, b"http://ns.adobe.com/xap/1.0/\0<a HDRGainMap"), jpeg=JPEG
        )
    )
    metadata = read_metadata(path, "JPEG")
    assert metadata.notes == ("its damaged EXIF is not kept", "its damaged XMP is not kept")
    assert (metadata.exif, metadata.xmp) == (b"", b"")
    path.write_bytes(b"II*\0\xff\xff\0\0")
    assert read_metadata(path, "TIFF").notes == ("its damaged metadata is not kept",)


def test_the_resolution_of_a_bmp(path):
    Image.new("RGB", (8, 6)).save(path, "BMP", dpi=(300, 300))
    assert read_metadata(path, "BMP").resolution.convert(INCH_METRES) == (300, 300)


def test_a_format_whose_metadata_nobody_reads_is_named(path):
    path.write_bytes(b"\xff\x0a")
    assert read_metadata(path, "JXL").notes == ("its metadata is not kept",)


def test_a_png_with_the_prefix_of_a_jpeg(path):
    Image.new("RGB", (8, 6)).save(path, "PNG")
    exif = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI4s", 0x010F, 2, 3, b"Me\0\0") + bytes(4)
    content = path.read_bytes()
    path.write_bytes(content[:33] + png_chunk(b"eXIf", b"Exif\0\0" + exif) + content[33:])
    assert read_metadata(path, "PNG").exif == exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_no_damage_ends_in_an_exception(path, kind):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    options = {} if kind == "TIFF" else {"xmp": packet('tiff:Orientation="6" h:Version="1.0"')}
    try:
        Image.new("RGB", (16, 16)).save(path, kind, exif=exif, dpi=(300, 300), **options)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {kind}")
    content, draw = path.read_bytes(), random.Random(kind)
    plain = io.BytesIO()
    Image.new("RGB", (2, 2)).save(plain, "TIFF")
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(draw.choice((1, 4, 16))):
            place = draw.randrange(4, min(len(content), 1200))
            damaged[place : place + draw.choice((1, 1, 4))] = draw.choice(
                (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f", b"")
            )
        path.write_bytes(damaged)
        metadata = read_metadata(path, "HEIF" if kind == "AVIF" else kind)
        encode_jpeg_head(convert_metadata(metadata, "JPEG")[0], b"")
        encode_png_chunks(convert_metadata(metadata, "PNG")[0], b"")
        convert_metadata(metadata, "WEBP")
        add_tiff_metadata(io.BytesIO(plain.getvalue()), convert_metadata(metadata, "TIFF")[0], b"")
