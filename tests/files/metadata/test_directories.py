"""TIFF directories: read in both byte orders and sizes of offset, refused where they lie, written to be read again."""

import io
import struct

import pytest
from PIL import Image

from zerokd.files.metadata.directories import (
    ASCII,
    EXIF_POINTER,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directory,
    DirectoryError,
    Entry,
    encode_block,
    encode_directory,
    list_directories,
    read_directory,
    read_from_bytes,
    read_from_file,
    read_header,
    swap_bytes,
)

MAKER = Entry(ASCII, 6, b"Maker\0")
RATIO = Entry(RATIONAL, 1, struct.pack("<II", 300, 7))
TREE = Directory(
    {0x010F: MAKER, 0x011A: RATIO, 0x0112: Entry(SHORT, 1, b"\6\0")},
    {EXIF_POINTER: Directory({0x927C: Entry(UNDEFINED, 5, b"notes")})},
)


def read(block):
    reader = read_from_bytes(block)
    header = read_header(reader)
    return read_directory(reader, header, header.first, frozenset())


def test_what_is_written_is_read_again():
    assert read(encode_block(TREE)) == TREE


def test_a_bigtiff_is_written_and_read_too():
    data, offset = encode_directory(TREE, 16, is_big=True)
    block = b"II+\0\x08\0\0\0" + struct.pack("<Q", offset) + data
    again = read(block)
    assert again.entries == TREE.entries
    assert again.children == TREE.children


def test_pillow_reads_the_same_values():
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + encode_block(TREE))
    assert (exif[0x010F], exif[0x0112], float(exif[0x011A])) == ("Maker", 6, pytest.approx(300 / 7))
    assert exif.get_ifd(EXIF_POINTER)[0x927C] == b"notes"


def test_big_endian_values_are_read_as_numbers():
    value = struct.pack(">II", 300, 7)
    block = b"MM\0*" + struct.pack(">IHHHII", 8, 1, 0x011A, RATIONAL, 1, 26) + bytes(4) + value
    assert read(block).entries == {0x011A: RATIO}
    assert RATIO.integers() == (300, 7)
    assert Entry(UNDEFINED, 1, b"a").integers() == ()
    assert swap_bytes(b"abcdef", 2) == b"badcfe"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"XX*\0\x08\0\0\0",
        b"II-\0\x08\0\0\0\0\0",
        b"II*\0\xff\0\0\0",
        b"II*\0\x08\0\0\0\xff\xff" + bytes(64),
    ],
)
def test_bytes_that_are_no_directory_are_refused(block):
    with pytest.raises(DirectoryError):
        read(block)


def test_values_beyond_the_end_and_circles_are_left_out():
    entry = struct.pack("<HHII", 0x010F, ASCII, 500, 30) + struct.pack("<HHI4s", 0x0112, SHORT, 1, b"\1\0\0\0")
    block = b"II*\0\x08\0\0\0\2\0" + entry + struct.pack("<I", 8)  # the next directory is this one
    assert list(read(block).entries) == [0x0112]
    reader = read_from_bytes(block)
    assert len(list(list_directories(reader, read_header(reader)))) == 1


def test_pages_of_a_file_are_listed():
    file = io.BytesIO()
    Image.new("L", (3, 3)).save(file, "TIFF", save_all=True, append_images=[Image.new("L", (2, 2))] * 2)
    reader = read_from_file(file)
    assert len(list(list_directories(reader, read_header(reader)))) == 3
