"""Photos of every kind come and go with what is written in them; what is no whole photo is refused."""

import io
import os
from contextlib import suppress

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from tests.data.zoo import BAD, GOOD
from zerokd.files.photo import MediaError, read_photo
from zerokd.files.photo_header import count_pixels
from zerokd.student.enhance.photo import PHOTO_SUFFIXES, load_photo, save_photo

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKER, TIME, ORIENTATION = 0x010F, 0x9003, 0x0112
FINE = {"thread.png", "dot.png", "hundred_megapixels.png"}  # too small or large to train on, not to enhance


def colours(size=(12, 8)):
    levels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3))
    return Image.fromarray(levels.astype(np.uint8))


def deep(path, bands, interpretation):
    levels = np.random.default_rng(0).integers(0, 65536, (8, 12, bands)).astype(np.uint16)
    pyvips.Image.new_from_array(levels).copy(interpretation=interpretation).write_to_file(str(path))
    return levels


@pytest.mark.parametrize("name", GOOD)
def test_the_head_tells_how_many_pixels_there_are(tmp_path, name):
    (tmp_path / name).write_bytes(GOOD[name][0])
    assert count_pixels(tmp_path / name) == (0 if GOOD[name][0][:2] == b"BM" else 32 * 40)  # libvips reads no BMP


@pytest.mark.parametrize("name", GOOD)
def test_every_good_photo_of_the_zoo_is_read_and_written(tmp_path, name):
    content, colour = GOOD[name]
    path = tmp_path / name
    path.write_bytes(content)
    photo = load_photo(path)
    assert photo.pixels.shape in ((32, 40, 3), (32, 40, 4))
    most = np.iinfo(photo.pixels.dtype).max
    if colour and name not in ("clear.png", "cmyk.jpg"):  # whose colour is not seen, or depends on its inks
        assert np.abs(photo.pixels[..., :3] * (255 / most) - colour).max() <= 3
    out = tmp_path / f"out{path.suffix}"
    if path.suffix == ".bmp" or content[:2] != b"BM":
        save_photo(out, photo.pixels, photo)
        again = load_photo(out)
        assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= most * 0.03
        assert (again.pixels.dtype, again.pixels.shape, again.is_grey) == (
            photo.pixels.dtype,
            photo.pixels.shape,
            photo.is_grey,
        )


@pytest.mark.parametrize("suffix", sorted(PHOTO_SUFFIXES))
def test_a_name_need_be_no_text(tmp_path, suffix):
    path = tmp_path / os.fsdecode(b"\xe9t\xe9[page=2]" + suffix.encode())
    colours().save(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").rename(path)
    photo = load_photo(path)
    save_photo(path.with_stem(path.stem + "2"), photo.pixels, photo)
    assert load_photo(path.with_stem(path.stem + "2")).pixels.shape == (8, 12, 3)


@pytest.mark.parametrize("name", [name for name in BAD if name not in FINE])
def test_every_bad_one_is_refused_in_a_line(tmp_path, name):
    (tmp_path / name).write_bytes(BAD[name][0])
    if name in ("bomb_in_profile.png", "broken_profile.png"):  # beside a photo that is whole
        with suppress(MediaError):
            assert load_photo(tmp_path / name).pixels.shape == (32, 40, 3)
        return
    with pytest.raises(MediaError) as caught:
        load_photo(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    colours().save(tmp_path / "a.png")
    monkeypatch.setattr(pyvips.Image, "numpy", None)
    with pytest.raises(MediaError, match="12x8 pixels, more than"):
        read_photo(tmp_path / "a.png", max_pixels=95)


@pytest.mark.parametrize(("ending", "lossy"), [("jpg", True), ("png", False), ("webp", False), ("tif", False)])
def test_exif_and_profile_are_kept_and_the_photo_is_upright(tmp_path, ending, lossy):
    exif = Image.Exif()
    exif[MAKER], exif[ORIENTATION] = "Camera", 6
    exif.get_ifd(0x8769)[TIME] = "2026:01:02 03:04:05"
    path, out = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    colours().save(path, exif=exif, icc_profile=PROFILE, **({"lossless": True} if ending == "webp" else {}))
    photo = load_photo(path)
    assert photo.pixels.shape == (12, 8, 3)
    save_photo(out, photo.pixels, photo)
    with Image.open(out) as made:
        facts = made.getexif()
        assert facts.get(ORIENTATION, 1) == 1
        if ending == "tif":
            assert photo.notes == ("the EXIF of a TIFF is not kept",)
        else:
            assert facts[MAKER] == "Camera"
            assert facts.get_ifd(0x8769)[TIME] == "2026:01:02 03:04:05"
        assert made.info["icc_profile"] == PROFILE
        assert made.size == (8, 12)
        exact = np.asarray(colours().transpose(Image.Transpose.ROTATE_270))
        assert lossy or np.array_equal(np.asarray(made.convert("RGB")), exact)


@pytest.mark.parametrize(("bands", "meaning"), [(3, "rgb16"), (4, "rgb16"), (1, "grey16"), (2, "grey16")])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_stay_sixteen_bits(tmp_path, bands, meaning, ending):
    levels = deep(tmp_path / f"a.{ending}", bands, meaning)
    photo = load_photo(tmp_path / f"a.{ending}")
    assert photo.pixels.dtype == np.uint16
    save_photo(tmp_path / f"b.{ending}", photo.pixels, photo)
    again = pyvips.Image.new_from_file(str(tmp_path / f"b.{ending}")).numpy().reshape(levels.shape)
    assert np.abs(again.astype(int) - levels).max() <= 1  # grey goes through three channels


def test_grey_is_the_luma_of_what_its_colours_became(tmp_path):
    Image.new("L", (4, 4), 50).save(tmp_path / "a.png")
    photo = load_photo(tmp_path / "a.png")
    assert photo.is_grey
    bright = np.full((4, 4, 3), (100, 200, 50), np.uint8)
    save_photo(tmp_path / "b.png", bright, photo)
    with Image.open(tmp_path / "b.png") as made:
        assert made.mode == "L"
        assert made.getpixel((0, 0)) == round(0.2126 * 100 + 0.7152 * 200 + 0.0722 * 50)


def test_cmyk_becomes_srgb_and_says_so(tmp_path):
    colours().convert("CMYK").save(tmp_path / "a.tif")
    photo = load_photo(tmp_path / "a.tif")
    assert photo.notes == ("CMYK became RGB, in sRGB",)
    save_photo(tmp_path / "b.tif", photo.pixels, photo)
    with Image.open(tmp_path / "b.tif") as made:
        assert made.mode == "RGB"


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("ending", ["jpg", "bmp"])
def test_what_is_transparent_is_laid_over_black_where_a_format_has_no_alpha(tmp_path, ending, mode):
    image = Image.new("RGB", (16, 16), (200, 200, 200)).convert(mode)
    image.putalpha(Image.linear_gradient("L").resize((16, 16)))
    image.save(tmp_path / "a.png")
    photo = load_photo(tmp_path / "a.png")
    made = tmp_path / f"b.{ending}"
    assert save_photo(made, photo.pixels, photo) == (f"{ending.upper()} has no alpha: composited over black",)
    with Image.open(made) as again:
        assert again.mode == mode[:-1]
        levels = np.asarray(again.convert("L"), np.float32)
    wanted = 200 * np.asarray(image)[..., -1].astype(np.float32) / 255
    assert np.abs(levels - wanted).max() <= 4
    assert save_photo(tmp_path / "b.png", photo.pixels, photo) == ()


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_sixteen_bits_that_become_eight_are_told(tmp_path, ending):
    deep(tmp_path / "a.png", 3, "rgb16")
    photo = load_photo(tmp_path / "a.png")
    assert save_photo(tmp_path / f"b.{ending}", photo.pixels, photo) == (f"{ending.upper()} has 8 bits, the photo 16",)
    assert save_photo(tmp_path / "b.tif", photo.pixels, photo) == ()


def test_further_pages_are_told(tmp_path):
    pages = [colours(), Image.new("RGB", (12, 8))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert load_photo(tmp_path / "a.tif").notes == ("it holds 2 images; the first one is used",)


def test_no_other_kind_of_file_is_tried(tmp_path):
    (tmp_path / "a.png").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / "b.png").write_bytes(b"%PDF-1.4\n")
    file = io.BytesIO()
    colours().save(file, "GIF")
    (tmp_path / "c.png").write_bytes(file.getvalue())
    for name in "abc":
        with pytest.raises(MediaError, match="not an image"):
            load_photo(tmp_path / f"{name}.png")


def test_a_format_that_cannot_hold_it(tmp_path):
    deep(tmp_path / "a.png", 3, "rgb16")
    with pytest.raises(MediaError, match="BMP has 8 bits"):
        save_photo(tmp_path / "b.bmp", load_photo(tmp_path / "a.png").pixels, load_photo(tmp_path / "a.png"))
