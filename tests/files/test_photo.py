"""Training and enhancing see the same pixels, whatever the file."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps

from tests.data.zoo import GOOD, png_chunk
from tests.files.test_colour_profile import swapped
from zerokd.data.photo import read_training_image
from zerokd.files.photo import MediaError, detect_format, read_photo, to_8_bit
from zerokd.files.photo_header import count_pixels
from zerokd.student.enhance.photo import load_photo

SIDE = 24
RGB = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
GREY = RGB[..., 0]
ALPHA = RGB[..., 1]
RGB16 = np.random.default_rng(1).integers(0, 65536, (SIDE, SIDE, 3)).astype(np.uint16)
INDICES = (np.arange(SIDE * SIDE) % 7).astype(np.uint8).reshape(SIDE, SIDE)
PALETTE = np.random.default_rng(2).integers(0, 256, (256, 3))


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def palette_image():
    image = Image.frombytes("P", (SIDE, SIDE), INDICES.tobytes())
    image.putpalette(PALETTE.astype(np.uint8).tobytes())
    return image


def palette_tiff(scale):
    """A TIFF with a palette whose values are of 16 bits (scale 257), or wrongly of 8 (scale 1)."""
    values = [int(value) * scale for value in PALETTE.T.ravel()]
    file = io.BytesIO()
    strip = INDICES.tobytes()
    entries = [
        (256, 3, 1, SIDE), (257, 3, 1, SIDE), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 3), (273, 4, 1, 8),
        (277, 3, 1, 1), (278, 3, 1, SIDE), (279, 4, 1, len(strip)), (320, 3, 768, 8 + len(strip)),
    ]  # fmt: skip
    file.write(b"II*\0" + struct.pack("<I", 8 + len(strip) + 1536) + strip + struct.pack("<768H", *values))
    file.write(struct.pack("<H", len(entries)))
    for tag, kind, count, value in entries:
        file.write(struct.pack("<HHII", tag, kind, count, value))
    file.write(struct.pack("<I", 0))
    return file.getvalue()


def png16(colours, colour_type):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, colour_type, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def with_gamma(png):
    return png[:33] + png_chunk(b"gAMA", struct.pack(">I", 100_000)) + png[33:]


def tiff16():
    image = pyvips.Image.new_from_array(RGB16).copy(interpretation="rgb16")
    return image.write_to_buffer(".tif")


def oriented(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    return encode(Image.fromarray(RGB), kind, exif=exif, **options)


def upright(orientation):
    image = Image.fromarray(RGB)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def over_black(colours, alpha):
    return np.rint(colours * (alpha[..., None] / 255.0))


def grey(levels):
    return np.repeat(levels[..., None], 3, axis=2)


YCBCR = Image.fromarray(RGB).convert("YCbCr")
CMYK = Image.frombytes("CMYK", (SIDE, SIDE), np.dstack([255 - RGB, np.zeros_like(GREY)]).tobytes())
FILES = {  # name: bytes, and the pixels that training has to see, in 8 bits over black
    "rgb.png": (encode(Image.fromarray(RGB), "PNG"), RGB),
    "rgb.bmp": (encode(Image.fromarray(RGB), "BMP"), RGB),
    "rgb.webp": (encode(Image.fromarray(RGB), "WEBP", lossless=True), RGB),
    "rgb.tif": (encode(Image.fromarray(RGB), "TIFF"), RGB),
    "big.tif": (encode(Image.fromarray(RGB), "TIFF", big_tiff=True), RGB),
    "lzw.tif": (encode(Image.fromarray(RGB), "TIFF", compression="tiff_lzw"), RGB),
    "grey.png": (encode(Image.fromarray(GREY), "PNG"), grey(GREY)),
    "grey.tif": (encode(Image.fromarray(GREY), "TIFF"), grey(GREY)),
    "bits.png": (encode(Image.fromarray(GREY > 127), "PNG"), grey(np.where(GREY > 127, 255, 0))),
    "bits.tif": (encode(Image.fromarray(GREY > 127), "TIFF"), grey(np.where(GREY > 127, 255, 0))),
    "palette.png": (encode(palette_image(), "PNG"), PALETTE[INDICES]),
    "palette.bmp": (encode(palette_image(), "BMP"), PALETTE[INDICES]),
    "palette16.tif": (palette_tiff(257), PALETTE[INDICES]),
    "palette8.tif": (palette_tiff(1), PALETTE[INDICES]),
    "alpha.png": (encode(Image.fromarray(np.dstack([RGB, ALPHA])), "PNG"), over_black(RGB, ALPHA)),
    "alpha.webp": (
        encode(Image.fromarray(np.dstack([RGB, ALPHA])), "WEBP", lossless=True, exact=True), over_black(RGB, ALPHA)
    ),
    "grey_alpha.png": (encode(Image.fromarray(np.dstack([GREY, ALPHA])), "PNG"), over_black(grey(GREY), ALPHA)),
    "rgb16.png": (png16(RGB16, 2), np.rint(RGB16 / 257)),
    "rgb16.tif": (tiff16(), np.rint(RGB16 / 257)),
    "grey16.png": (png16(RGB16[..., 0], 0), np.rint(grey(RGB16[..., 0]) / 257)),
    "gamma.png": (with_gamma(encode(Image.fromarray(RGB), "PNG")), RGB),
    "cmyk.tif": (encode(CMYK, "TIFF"), RGB),
    "ycbcr.tif": (encode(YCBCR, "TIFF"), np.asarray(YCBCR.convert("RGB"))),
    "ycbcr_lzw.tif": (encode(YCBCR, "TIFF", compression="tiff_lzw"), np.asarray(YCBCR.convert("RGB"))),
    **{
        f"turned{number}.{kind.lower()}": (oriented(kind, number), upright(number))
        for number in range(1, 9)
        for kind in ("PNG", "TIFF", "WEBP")
    },
}  # fmt: skip


@pytest.fixture(params=FILES)
def file(request, tmp_path):
    content, expected = FILES[request.param]
    (tmp_path / request.param).write_bytes(content)
    return tmp_path / request.param, np.asarray(expected, float)


def seen_by_enhance(path):
    """The pixels that are enhanced, in 8 bits over black."""
    pixels = to_8_bit(load_photo(path).pixels)
    return np.asarray(over_black(pixels[..., :3], pixels[..., 3]) if pixels.shape[2] == 4 else pixels, float)


def test_training_and_enhancing_see_the_pixels_of_the_file(file):
    path, expected = file
    training = read_training_image(path, SIDE, "crop").transpose(1, 2, 0)
    assert np.abs(training - expected).max() <= 1  # YCbCr and alpha round
    assert np.abs(seen_by_enhance(path) - expected).max() <= 1
    assert np.abs(training - seen_by_enhance(path)).max() <= 1


@pytest.mark.parametrize("name", [name for name in GOOD if name != "bomb_in_text.png"])
def test_they_agree_on_the_zoo_too(tmp_path, name):
    (tmp_path / name).write_bytes(GOOD[name][0])
    training = read_training_image(tmp_path / name, 16, "resize").transpose(1, 2, 0)
    image = Image.fromarray(seen_by_enhance(tmp_path / name).astype(np.uint8)).resize(
        (16, 16), Image.Resampling.BICUBIC
    )
    assert np.abs(training - np.asarray(image, float)).max() <= 1


def test_colours_of_a_profile_are_converted_for_training_and_kept_with_it_for_enhancing(tmp_path):
    Image.new("RGB", (SIDE, SIDE), (200, 30, 30)).save(tmp_path / "a.png", icc_profile=swapped())
    photo = load_photo(tmp_path / "a.png")
    assert photo.pixels[0, 0].tolist() == [200, 30, 30]
    assert photo.colour_profile == swapped()
    assert np.abs(read_training_image(tmp_path / "a.png", 16, "crop")[:, 0, 0].astype(int) - (30, 30, 200)).max() < 4


def test_cmyk_follows_its_profile_and_has_none_afterwards(tmp_path):
    CMYK.save(tmp_path / "a.tif", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    with pytest.raises(MediaError, match="colour profile for RGB in an image of CMYK"):
        read_photo(tmp_path / "a.tif")
    CMYK.save(tmp_path / "b.tif")
    assert load_photo(tmp_path / "b.tif").colour_profile == b""


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(tmp_path):
    Image.new("RGB", (800, 600)).save(tmp_path / "a.jpg")
    sizes = [read_photo(tmp_path / "a.jpg", target_side=side).pixels.shape[:2] for side in (0, 75, 76, 150, 300, 301)]
    assert sizes == [(600, 800), (75, 100), (150, 200), (150, 200), (300, 400), (600, 800)]


def test_the_format_is_that_of_the_content(tmp_path):
    kinds = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WEBP", "TIFF": "TIFF", "BMP": "BMP", "MPO": "JPEG"}
    for kind, expected in kinds.items():
        (tmp_path / "a.photo").write_bytes(encode(Image.fromarray(RGB), kind))
        assert detect_format(tmp_path / "a.photo") == expected
        assert count_pixels(tmp_path / "a.photo") == (0 if kind == "BMP" else SIDE * SIDE)
    (tmp_path / "a.photo").write_bytes(encode(palette_image(), "GIF"))
    with pytest.raises(MediaError, match="not an image that zerokd reads: a GIF file"):
        detect_format(tmp_path / "a.photo")


@pytest.mark.parametrize(
    ("limits", "reason"), [({"max_pixels": 500}, "more than"), ({"min_side": 25}, "fewer than 25")]
)
@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_a_photo_outside_of_its_limits_is_not_decoded(tmp_path, monkeypatch, kind, limits, reason):
    (tmp_path / "a").write_bytes(encode(Image.fromarray(RGB), kind))
    monkeypatch.setattr(pyvips.Image, "numpy", None)
    monkeypatch.setattr(Image.Image, "convert", None)
    with pytest.raises(MediaError, match=f"24x24 pixels, {reason}"):
        read_photo(tmp_path / "a", **limits)


def test_subsampled_ycbcr_that_nobody_reads_right_is_refused(tmp_path):
    content = bytearray(encode(YCBCR, "TIFF"))
    place = content.index(struct.pack("<HHI", 530, 3, 2))
    content[place + 8 : place + 12] = struct.pack("<HH", 2, 2)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(MediaError, match="subsampled YCbCr"):
        read_photo(tmp_path / "a.tif")


def test_no_file_stays_open(tmp_path):
    (tmp_path / "a.png").write_bytes(FILES["rgb.png"][0])
    photos = [load_photo(tmp_path / "a.png") for _ in range(3)]
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    photos += [load_photo(tmp_path / "a.png") for _ in range(20)]
    del photos[:]
    assert not before or len(os.listdir("/proc/self/fd")) <= before
