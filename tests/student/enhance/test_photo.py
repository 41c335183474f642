"""Photos of every kind come and go with what is written in them; what is no whole photo is refused."""

import io
import json
import os
import shutil
import struct
import subprocess
import warnings
from contextlib import suppress

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, features

from tests.data.zoo import BAD, GOOD, png_chunk
from tests.files.metadata.test_jpeg import VIDEO, with_segments
from tests.files.metadata.test_xmp import packet
from tests.files.test_tiff_pixels import tiff
from zerokd.files.photo import MediaError, read_photo
from zerokd.files.photo_header import count_pixels
from zerokd.student.enhance.photo import FORMATS, load_photo, save_photo

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


@pytest.mark.parametrize("suffix", sorted(FORMATS))
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
        assert photo.notes == ()
        assert facts[MAKER] == "Camera"
        if ending != "tif":  # where Pillow writes no directory of EXIF
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


CMYK16 = np.random.default_rng(3).integers(0, 65536, (6, 9, 4)).astype(np.uint16)


def test_sixteen_bits_of_cmyk_stay_sixteen(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(CMYK16, 5))
    photo = load_photo(tmp_path / "a.tif")
    light = 1 - CMYK16 / 65535
    assert photo.pixels.dtype == np.uint16
    assert np.abs(photo.pixels / 65535 - light[..., :3] * light[..., 3:]).max() <= 1 / 65535
    assert photo.notes == ("CMYK became RGB, in sRGB",)


def test_sixteen_bits_of_cmyk_with_a_profile_agree_with_eight(tmp_path):
    profile = pyvips.Image.profile_load("cmyk")
    eight = (CMYK16 >> 8).astype(np.uint8)
    found = []
    for name, inks in (("a", eight), ("b", eight.astype(np.uint16) * 257)):
        image = pyvips.Image.new_from_array(inks).copy(interpretation="cmyk")
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        image.tiffsave(str(tmp_path / f"{name}.tif"))
        found.append(load_photo(tmp_path / f"{name}.tif").pixels)
    assert [pixels.dtype for pixels in found] == [np.uint8, np.uint16]
    assert np.abs(found[0].astype(float) - found[1] / 257).max() <= 1


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_avif_is_read_with_its_bits_and_its_exif(tmp_path):
    exif = Image.Exif()
    exif[MAKER], exif[0x013C] = "Camera", "A phone"
    Image.new("RGB", (32, 16), (200, 100, 50)).save(tmp_path / "a.avif", exif=exif, quality=95)
    photo = load_photo(tmp_path / "a.avif")
    assert (photo.format, photo.pixels.dtype, photo.notes) == ("HEIF", np.uint8, ())
    assert np.abs(photo.pixels.astype(int) - (200, 100, 50)).max() <= 4
    save_photo(tmp_path / "b.png", photo.pixels, photo)
    with Image.open(tmp_path / "b.png") as made:
        assert made.getexif()[0x013C] == "A phone"


@pytest.mark.parametrize("bits", [10, 12])
def test_ten_and_twelve_bits_of_avif_reach_white(tmp_path, bits):
    levels = np.repeat(np.linspace(0, 65535, 64, dtype=np.uint16)[None, :, None], 64, 0).repeat(3, 2)
    image = pyvips.Image.new_from_array(levels).copy(interpretation="rgb16")
    try:
        image.heifsave(str(tmp_path / "a.avif"), compression="av1", bitdepth=bits, lossless=True)
    except pyvips.Error:
        pytest.skip("this libvips writes no AVIF")
    photo = load_photo(tmp_path / "a.avif")
    assert (photo.pixels.min(), photo.pixels.max()) == (0, 65535)
    assert np.abs(photo.pixels.astype(int) - levels).max() <= 65535 / (2**bits - 1)


def test_the_gain_map_is_named_and_so_is_its_description_gone(tmp_path):
    gain_map = io.BytesIO()
    Image.new("L", (4, 4)).save(gain_map, "JPEG")
    xmp = packet('h:Version="1.0" dc:format="image/jpeg"')
    photo_bytes = with_segments((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))
    (tmp_path / "a.jpg").write_bytes(photo_bytes + gain_map.getvalue() + VIDEO)
    photo = load_photo(tmp_path / "a.jpg")
    assert photo.notes == ("not kept: the gain map, the video of the motion photo",)
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        assert save_photo(tmp_path / f"b{suffix}", photo.pixels, photo) == ()
        content = (tmp_path / f"b{suffix}").read_bytes()
        assert b"hdr-gain-map" not in content
        assert b"image/jpeg" in content


COLOURS = struct.pack(">I", 100_000)


def test_colour_chunks_are_kept_or_named(tmp_path):
    colours().save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:33] + png_chunk(b"gAMA", COLOURS) + content[33:])
    photo = load_photo(tmp_path / "a.png")
    assert save_photo(tmp_path / "b.png", photo.pixels, photo) == ()
    assert png_chunk(b"gAMA", COLOURS) in (tmp_path / "b.png").read_bytes()
    assert save_photo(tmp_path / "b.jpg", photo.pixels, photo) == ("JPEG cannot hold: gAMA",)


def test_a_profile_for_grey_does_not_fit_into_webp(tmp_path):
    Image.new("L", (4, 4), 50).save(tmp_path / "a.png", icc_profile=PROFILE)
    photo = load_photo(tmp_path / "a.png")
    assert save_photo(tmp_path / "b.webp", photo.pixels, photo) == ("WEBP cannot hold: the colour profile",)
    assert save_photo(tmp_path / "b.bmp", photo.pixels, photo) == ("BMP cannot hold: the colour profile",)
    assert save_photo(tmp_path / "b.jpg", photo.pixels, photo) == ()


def test_a_large_bmp_is_read_without_a_warning(tmp_path, monkeypatch):
    colours().save(tmp_path / "a.bmp")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings(action="error"):
        assert load_photo(tmp_path / "a.bmp").pixels.shape == (8, 12, 3)


def test_memory_that_runs_out_is_no_damage(tmp_path, monkeypatch):
    colours().save(tmp_path / "a.png")

    def fail(*arguments, **options):
        error = pyvips.Error.__new__(pyvips.Error)
        error.message, error.detail = "unable to call", "vips_tracked: out of memory --- size == 286MB"
        raise error

    monkeypatch.setattr(pyvips.Image, "numpy", fail)
    with pytest.raises(MemoryError, match="286MB"):
        load_photo(tmp_path / "a.png")
    monkeypatch.undo()
    photo = load_photo(tmp_path / "a.png")
    monkeypatch.setattr(pyvips.Image, "write_to_target", fail)
    with pytest.raises(MemoryError, match="286MB"):
        save_photo(tmp_path / "b.png", photo.pixels, photo)


def test_an_error_of_the_file_is_raised_as_it_is(tmp_path):
    colours().save(tmp_path / "a.png")
    photo = load_photo(tmp_path / "a.png")
    for suffix in FORMATS:
        with pytest.raises(OSError, match="too long"):
            save_photo(tmp_path / f"{'n' * 300}{suffix}", photo.pixels, photo)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_full_disk_is_an_error_of_the_disk(tmp_path, suffix):
    colours((300, 300)).save(tmp_path / "a.png")
    photo = load_photo(tmp_path / "a.png")
    (tmp_path / f"b{suffix}").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left|write error|not seekable|Illegal seek"):
        save_photo(tmp_path / f"b{suffix}", photo.pixels, photo)


TAGS = {  # what exiftool writes, and reads again from the result
    "IFD0:HostComputer": "A phone",
    "IFD0:Artist": "ünï",
    "ExifIFD:DateTimeOriginal": "2024:01:02 03:04:05",
    "ExifIFD:LensModel": "A lens",
    "GPS:GPSLatitude": 10.5,
    "XMP-dc:Title": "Nacht 夜",
    "XMP-xmp:Rating": 4,
}


@pytest.fixture(scope="module")
def tagged(tmp_path_factory):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    folder = tmp_path_factory.mktemp("tagged")
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        colours((60, 40)).save(folder / f"a{suffix}")
    options = [f"-{name}={value}" for name, value in TAGS.items()]
    options += ["-GPS:GPSLatitudeRef=N", "-Orientation#=6", "-q", "-overwrite_original"]
    subprocess.run(["exiftool", *options, *map(str, sorted(folder.iterdir()))], check=True, capture_output=True)
    for source in sorted(folder.iterdir()):
        photo = load_photo(source)
        assert photo.pixels.shape == (60, 40, 3)
        for suffix in (".jpg", ".png", ".tif", ".webp"):
            save_photo(folder / f"{source.suffix[1:]}_to{suffix}", photo.pixels, photo)
    command = ["exiftool", "-j", "-G1", "-n", *map(str, sorted(folder.glob("*_to*")))]
    lines = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {os.path.basename(line["SourceFile"]): line for line in lines}


@pytest.mark.parametrize("target", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("source", ["jpg", "png", "tif", "webp"])
def test_every_pair_of_formats_keeps_every_tag(tagged, source, target):
    tags = tagged[f"{source}_to.{target}"]
    assert {name: tags.get(name) for name in TAGS} == TAGS
    assert tags.get("IFD0:Orientation", 1) == 1
    assert not [name for name in tags if "Warning" in name or "Error" in name]
