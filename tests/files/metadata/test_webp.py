"""WebP: its chunks are kept or named."""

import io

import numpy as np
from PIL import Image

from zerokd.files.metadata.record import NativePart, PhotoMetadata
from zerokd.files.metadata.webp import encode_webp, list_chunks, read_webp_metadata

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 4)).astype(np.uint8)


def encode(image, **options):
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, exact=True, **options)
    return file.getvalue()


def read(content):
    return read_webp_metadata(io.BytesIO(content))


def test_metadata_is_read_and_written_again():
    exif = Image.Exif()
    exif[0x013C] = "A phone"
    metadata = read(encode(Image.fromarray(PIXELS), exif=exif, xmp=b"<x/>"))
    assert metadata.exif == exif.tobytes().removeprefix(b"Exif\0\0")
    assert metadata.xmp == b"<x/>"
    native = (NativePart(b"MORE", b"odd", "MORE chunk"),)
    more = PhotoMetadata(exif=metadata.exif, xmp=metadata.xmp, native_format="WEBP", native=native)
    chunks = list(list_chunks(io.BytesIO(encode(Image.fromarray(PIXELS)))))
    content = encode_webp(chunks, (9, 6), True, more, b"a profile")
    again = read(content)
    assert (again.exif, again.xmp, again.native, again.notes) == (metadata.exif, b"<x/>", native, ())
    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(np.asarray(image), PIXELS)
        assert image.info["icc_profile"] == b"a profile"
        assert image.getexif()[0x013C] == "A phone"


def test_without_metadata_the_file_is_a_simple_one():
    rgb = encode(Image.fromarray(PIXELS[..., :3]))
    assert encode_webp(list(list_chunks(io.BytesIO(rgb))), (9, 6), False, PhotoMetadata(), b"") == rgb


def test_frames_and_bytes_after_the_end_are_named():
    image = Image.fromarray(PIXELS)
    moving = encode(image, save_all=True, append_images=[Image.new("RGBA", (9, 6), (level,) * 4) for level in (1, 2)])
    assert read(moving).notes == ("it holds 3 images; the first one is used",)
    assert read(encode(image) + b"tail").notes == ("not kept: 4 bytes after the image",)
