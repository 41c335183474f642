"""One photo of every kind that folders hold, made here: pixel types, orientations, and every way to be unusable."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerokd.data.photo import read_training_image
from zerokd.files.photo import MediaError

# an upright photo of four flat quadrants: red green / blue white
UPRIGHT = np.zeros((32, 48, 3), np.uint8)
UPRIGHT[:16, :24, 0] = UPRIGHT[:16, 24:, 1] = UPRIGHT[16:, :24, 2] = 255
UPRIGHT[16:, 24:] = 255
CORNERS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
STORED = {  # how a camera held in each of the eight ways stores it
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT, 1),
    7: UPRIGHT[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}
RAMP = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))


def corners(photo: np.ndarray) -> np.ndarray:
    return photo[:, [3, 3, -4, -4], [3, -4, 3, -4]].T


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def with_height(png: Path, height: int) -> Path:
    """Change what a PNG's header promises, its checksum included."""
    data = bytearray(png.read_bytes())
    data[20:24] = struct.pack(">I", height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    png.write_bytes(data)
    return png


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_every_orientation_comes_out_upright(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    options = {"quality": 100, "subsampling": 0} if ending == "jpg" else {"quality": 100}
    photo = read_training_image(saved(tmp_path / f"a.{ending}", image, exif=exif, **options), 24, "resize")
    assert np.abs(corners(photo) - np.array(CORNERS, float)).max() <= 6


def test_result_is_contiguous_planes_of_bytes(tmp_path):
    photo = read_training_image(saved(tmp_path / "a.png", Image.fromarray(UPRIGHT)), 20, "crop")
    assert photo.shape == (3, 20, 20)
    assert photo.dtype == np.uint8
    assert photo.flags.c_contiguous
    assert photo.flags.writeable


def test_a_photo_of_the_wanted_size_is_unchanged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    assert np.array_equal(read_training_image(path, 24, "crop"), pixels.transpose(2, 0, 1))
    assert np.array_equal(read_training_image(path, 24, "resize"), pixels.transpose(2, 0, 1))


def test_crop_keeps_the_aspect_ratio_and_resize_does_not(tmp_path):
    pixels = np.zeros((32, 96, 3), np.uint8)
    pixels[:, 32:64] = 255  # a white square in the middle of three
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    assert read_training_image(path, 32, "crop").mean() == 255
    assert read_training_image(path, 32, "resize").mean() == pytest.approx(85, abs=2)


def test_a_large_jpeg_read_at_a_fraction_looks_the_same(tmp_path):
    y, x = np.mgrid[:512, :640]
    pixels = np.stack([x / 2.6, y / 2.1, 255 * (np.hypot(x - 300, y - 200) < 150)], 2).astype(np.uint8)
    photo = read_training_image(saved(tmp_path / "a.jpg", Image.fromarray(pixels), quality=95), 32, "crop").astype(int)
    whole = read_training_image(saved(tmp_path / "a.png", Image.fromarray(pixels)), 32, "crop")
    assert np.abs(photo - whole).mean() < 2


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "YCbCr"])
def test_pixel_types_become_rgb(tmp_path, mode):
    image = Image.fromarray(RAMP).convert(mode, dither=Image.Dither.NONE)
    photo = read_training_image(saved(tmp_path / "a.tif", image), 32, "crop")
    expected = RAMP if mode != "1" else np.where(RAMP >= 128, 255, 0)
    assert np.abs(photo - expected.astype(float)).mean() < 2


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_black(tmp_path, mode):
    alpha = np.repeat(np.uint8([0, 255]), 16)[None].repeat(32, 0)
    image = Image.fromarray(np.full((32, 32), 200, np.uint8)).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    photo = read_training_image(saved(tmp_path / "a.png", image), 32, "crop")
    assert (photo[:, :, :16] == 0).all()
    assert (photo[:, :, 16:] == 200).all()


def test_a_transparent_palette_colour_is_laid_over_black(tmp_path):
    image = Image.fromarray(UPRIGHT).quantize(4)
    clear = image.getpixel((0, 0))
    photo = read_training_image(saved(tmp_path / "a.png", image, transparency=clear), 32, "resize")
    assert corners(photo).tolist() == [[0, 0, 0], *map(list, CORNERS[1:])]


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bit_grey_keeps_its_mean(tmp_path, ending):
    values = np.random.default_rng(0).integers(0, 65536, (32, 32)).astype(np.uint16)
    photo = read_training_image(saved(tmp_path / f"a.{ending}", Image.fromarray(values)), 32, "crop")
    assert abs(photo.mean() - values.mean() / 257) < 0.1
    assert np.abs(photo[0] - values / 257).max() <= 0.5 + 1e-6


def test_sixteen_bit_rgb_keeps_its_mean(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (32, 32, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    framed = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))
    assert abs(read_training_image(path, 32, "crop").mean() - values.mean() / 257) < 1


@pytest.mark.parametrize("ending", ["webp", "png", "tif"])
def test_of_an_animation_the_first_frame_counts(tmp_path, ending):
    first, second = (Image.fromarray(np.full((20, 20, 3), value, np.uint8)) for value in (40, 200))
    path = saved(tmp_path / f"a.{ending}", first, save_all=True, append_images=[second])
    assert np.abs(read_training_image(path, 20, "crop") - 40.0).max() <= 2


@pytest.mark.parametrize("options", [{}, {"bits": 2}])
def test_whole_pngs_of_few_bits_pass(tmp_path, options):
    image = Image.fromarray(UPRIGHT).quantize(4)
    assert corners(read_training_image(saved(tmp_path / "a.png", image, **options), 32, "resize")).tolist() == [
        list(c) for c in CORNERS
    ]


def refused(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        read_training_image(path, 16, "crop")
    return str(caught.value)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"")
    assert refused(path) == "empty file"


def test_text_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("this is not a photo\n" * 20)
    assert "not an image" in refused(path)


def test_another_kind_of_image_is_refused(tmp_path):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.gif")
    assert "GIF" in refused((tmp_path / "a.gif").rename(tmp_path / "a.png"))


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "webp", "tif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_cut_off_file_is_refused(tmp_path, ending, share):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(pixels))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert refused(path)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
@pytest.mark.parametrize("height", [33, 64])
def test_a_png_that_promises_more_rows_than_it_holds_is_refused(tmp_path, mode, height):
    path = saved(tmp_path / "a.png", Image.fromarray(UPRIGHT).convert(mode))
    read_training_image(path, 16, "crop")
    assert "truncated" in refused(with_height(path, height))


def test_damage_inside_a_png_is_refused(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    data = bytearray(path.read_bytes())
    data[6000] ^= 0xFF
    path.write_bytes(data)
    assert refused(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("height", [2_000_000, 4_000_000])  # above our limit; above that at which Pillow raises
def test_a_header_of_a_hundred_megapixels_is_refused_unread(tmp_path, height):
    path = saved(tmp_path / "a.png", Image.fromarray(UPRIGHT))
    assert "pixels" in refused(with_height(path, height))


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (15, 40)])
def test_an_image_of_few_pixels_is_refused(tmp_path, shape):
    path = saved(tmp_path / "a.png", Image.fromarray(np.full((*shape, 3), 9, np.uint8)))
    assert refused(path) == f"{shape[1]}x{shape[0]} pixels, fewer than 16 on a side"


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_without_a_known_scale_are_refused(tmp_path, dtype):
    assert "scale" in refused(saved(tmp_path / "a.tif", Image.fromarray(np.zeros((32, 32), dtype))))


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    assert refused(tmp_path / "a.jpg") == "not a regular file"
    os.symlink(tmp_path / "gone.jpg", tmp_path / "b.jpg")
    assert refused(tmp_path / "b.jpg") == "broken link"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "c.jpg")  # opening it would wait for ever
        assert refused(tmp_path / "c.jpg") == "not a regular file"
