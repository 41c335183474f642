"""PNG: every chunk is decoded, kept or named."""

import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from tests.data.zoo import png_chunk
from zerokd.files.metadata.png import encode_png_chunks, list_chunks, move_text_out, read_png_metadata
from zerokd.files.metadata.record import INCH_METRES, PhotoMetadata, Resolution

IPTC = b"\x1c\x02\x69\0\x04head"
CHROMA = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def encode(**options):
    file = io.BytesIO()
    Image.new("RGB", (8, 6)).save(file, "PNG", **options)
    return file.getvalue()


def with_chunks(*chunks, png=None):
    content = png or encode()
    return content[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + content[33:]


def read(content):
    return read_png_metadata(io.BytesIO(content))


def rewrite(content, profile=b""):
    """The same pixels with the metadata of a file."""
    chunks, lost = encode_png_chunks(read(content), profile)
    assert lost == []
    return encode()[:33] + chunks + encode()[33:]


@pytest.mark.parametrize("hidden", [False, True])
def test_frames_of_an_animation_are_counted_by_its_chunks(hidden):
    frames = [Image.new("RGB", (8, 6), (level, 0, 0)) for level in (10, 20, 30)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], default_image=hidden)
    # a default image that is no frame counts too
    assert read(file.getvalue()).notes == ("it holds 3 images; the first one is used",)
    assert read(encode()).notes == ()


KEPT = [
    (b"gAMA", struct.pack(">I", 100_000)),
    (b"cHRM", CHROMA),
    (b"cICP", bytes([9, 16, 0, 1])),
    (b"mDCV", bytes(24)),
    (b"sRGB", b"\0"),
    (b"tIME", struct.pack(">H5B", 2024, 1, 2, 3, 4, 5)),
    (b"tEXt", b"Title\0caf\xe9"),
    (b"iTXt", b"Title\0\0\0de\0Titel\0" + "ünï 夜".encode()),
    (b"zTXt", b"Long\0\0" + zlib.compress(b"x" * 999)),
    (b"abCd", b"unknown, and safe to copy"),
]


@pytest.mark.parametrize("chunk", KEPT, ids=lambda chunk: chunk[0].decode())
def test_a_chunk_that_stays_right_is_kept_to_the_byte(chunk):
    content = rewrite(with_chunks(chunk))
    assert png_chunk(*chunk) in content
    assert read(content).notes == ()
    Image.open(io.BytesIO(content)).load()


@pytest.mark.parametrize(
    ("chunk", "note"),
    [
        ((b"bKGD", bytes(6)), "bKGD chunk"),
        ((b"sBIT", bytes(3)), "sBIT chunk"),
        ((b"abCD", b"unknown, and unsafe to copy"), "abCD chunk"),
        ((b"caBX", b"jumb"), "content credentials"),
    ],
)
def test_another_one_is_named(chunk, note):
    assert read(with_chunks(chunk)).notes == (f"not kept: {note}",)
    assert chunk[0] not in rewrite(with_chunks(chunk))


def test_a_damaged_chunk_and_bytes_after_the_end_are_named():
    damaged = bytearray(with_chunks((b"tEXt", b"Title\0x")))
    damaged[33 + 8] ^= 1
    assert read(bytes(damaged) + b"tail").notes == ("not kept: damaged tEXt", "not kept: 4 bytes after the image")


def test_exif_xmp_resolution_and_profile():
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x>ü</x>", zip=True)
    exif = Image.Exif()
    exif[0x013C] = "A phone"
    content = encode(pnginfo=text, exif=exif, dpi=(300, 300))
    metadata = read(content)
    assert metadata.xmp == "<x>ü</x>".encode()
    assert metadata.exif == exif.tobytes().removeprefix(b"Exif\0\0")
    assert metadata.resolution.convert(INCH_METRES) == (300, 300)
    with Image.open(io.BytesIO(rewrite(content, b"profile"))) as image:
        assert image.getexif()[0x013C] == "A phone"
        assert image.info["icc_profile"] == b"profile"
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        assert image.info["xmp"] == metadata.xmp
    assert read(with_chunks((b"pHYs", struct.pack(">IIB", 1, 2, 0)))).resolution == Resolution(1, 2, 0.0)


def test_comments_and_iptc_of_other_formats_become_text_and_back():
    metadata = PhotoMetadata(iptc=IPTC, comments=("ünï".encode(), b"ein \xfc"), native_format="JPEG")
    content = encode()[:33] + encode_png_chunks(metadata, b"")[0] + encode()[33:]
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert image.text["Comment"] == "ein ü"
    moved = move_text_out(read(content))
    assert moved.comments == ("ünï".encode(), "ein ü".encode())
    assert moved.iptc == IPTC
    assert moved.native == ()


def test_pixels_are_not_read():
    assert [(kind, len(data)) for kind, data in list_chunks(io.BytesIO(encode()))] == [
        (b"IHDR", 13),
        (b"IDAT", 0),
        (b"IEND", 0),
    ]
