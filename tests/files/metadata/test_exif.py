"""EXIF comes upright in place: nothing else in it moves."""

import io
import struct

import pytest
from PIL import Image

from zerokd.files.metadata.directories import (
    EXIF_POINTER,
    SHORT,
    UNDEFINED,
    Directory,
    DirectoryError,
    Entry,
    encode_block,
    encode_directory,
)
from zerokd.files.metadata.exif import fit_exif, has_maker_note, make_upright, read_exif


def number(value):
    return Entry(SHORT, 1, struct.pack("<H", value))


def block(orientation=6, note=b"the maker's own"):
    inner = Directory({0xA002: number(60), 0xA003: number(40), 0x927C: Entry(UNDEFINED, len(note), note)})
    return encode_block(Directory({0x0112: number(orientation)}, {EXIF_POINTER: inner}))


def sides(exif):
    values = read_exif(exif).children[EXIF_POINTER].entries
    return values[0xA002].integers() + values[0xA003].integers()


@pytest.mark.parametrize(("orientation", "expected"), [(1, (60, 40)), (3, (60, 40)), (6, (40, 60)), (8, (40, 60))])
def test_orientation_and_size_are_those_of_the_upright_photo(orientation, expected):
    before = block(orientation)
    after, declared = make_upright(before)
    assert declared == orientation
    assert read_exif(after).entries[0x0112].integers() == (1,)
    assert sides(after) == expected
    differing = [place for place, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert len(differing) == (0 if orientation == 1 else 1 if orientation == 3 else 3)


def test_big_endian_exif_stays_big_endian():
    exif = Image.Exif()
    exif.endian = ">"
    exif[0x0112], exif[0x013C] = 8, "A phone"
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    after, declared = make_upright(data)
    assert (data[:2], declared, len(after)) == (b"MM", 8, len(data))
    again = Image.Exif()
    again.load(after)
    assert (again[0x0112], again[0x013C]) == (1, "A phone")


@pytest.mark.parametrize("padding", [b"", b"more after it"])
def test_the_thumbnail_of_the_photo_before_is_gone(padding):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    thumbnail = file.getvalue()
    main = bytearray(block())
    offset = len(main)
    links = Directory({0x0201: Entry(4, 1, bytes(4)), 0x0202: Entry(4, 1, struct.pack("<I", len(thumbnail)))})
    data, place = encode_directory(links, offset)
    links.entries[0x0201] = Entry(4, 1, struct.pack("<I", offset + len(data)))
    data, place = encode_directory(links, offset)
    first = struct.unpack("<I", main[4:8])[0]
    count = struct.unpack("<H", main[first : first + 2])[0]
    main[first + 2 + 12 * count : first + 6 + 12 * count] = struct.pack("<I", place)
    after, _ = make_upright(bytes(main) + data + thumbnail + padding)
    assert thumbnail[:20] not in after
    assert after.endswith(padding)
    assert has_maker_note(read_exif(after))
    exif = Image.Exif()
    exif.load(after)
    assert exif.get_ifd(1) == {}


def test_exif_that_is_too_large_loses_its_largest_values_by_name():
    large = block(note=b"x" * 70_000)
    fitting, lost = fit_exif(large, 65_000)
    assert lost == ["EXIF tag 0x927C of 70000 bytes"]
    assert len(fitting) < 200
    assert sides(fitting) == (60, 40)
    assert fit_exif(fitting, 65_000) == (fitting, [])


@pytest.mark.parametrize("damaged", [b"", b"II*\0" + b"\xff" * 60, b"no EXIF at all"])
def test_what_is_no_exif_is_refused(damaged):
    with pytest.raises(DirectoryError):
        make_upright(damaged)
