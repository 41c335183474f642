"""Colour profiles: a photo comes out in the colours it was meant to have."""

import numpy as np
import pytest
from PIL import Image

from zerokd.data.photo import read_training_image
from zerokd.files.colour_profile import SRGB_PROFILE, convert_to_srgb
from zerokd.files.photo import MediaError

RED, BLUE, GREY = (200, 30, 30), (30, 30, 200), (90, 90, 90)


def swapped():
    """sRGB with the primaries of red and blue exchanged: what it calls red is blue."""
    data = SRGB_PROFILE.tobytes().replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    return data.replace(b"s\0R\0G\0B", b"x\0R\0G\0B").replace(b"sRGB", b"xRGB")  # its description, in either encoding


def photo(colour, mode="RGB"):
    return Image.new("RGB", (24, 20), colour).convert(mode)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize(("stored", "meant"), [(RED, BLUE), (BLUE, RED), (GREY, GREY)])
def test_a_profile_with_red_and_blue_exchanged_exchanges_them(tmp_path, ending, stored, meant):
    photo(stored).save(tmp_path / f"a.{ending}", icc_profile=swapped(), quality=100)
    found = read_training_image(tmp_path / f"a.{ending}", 16, "crop").reshape(3, -1)
    assert np.abs(found.mean(1) - meant).max() < 4
    assert found.std(1).max() < 2


def test_srgb_changes_no_value(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8))
    noise.save(tmp_path / "a.png", icc_profile=SRGB_PROFILE.tobytes())
    assert np.array_equal(read_training_image(tmp_path / "a.png", 20, "crop"), np.asarray(noise).transpose(2, 0, 1))


def test_transparency_is_kept_beside_the_colours(tmp_path):
    image = photo(RED, "RGBA")
    image.putalpha(128)
    image.save(tmp_path / "a.png", icc_profile=swapped())
    with Image.open(tmp_path / "a.png") as stored:
        found = convert_to_srgb(stored, stored.info["icc_profile"])
    assert found.mode == "RGBA"
    assert np.abs(np.array(found.getpixel((3, 3))) - (*BLUE, 128)).max() < 4


@pytest.mark.parametrize("data", [b"x" * 300, SRGB_PROFILE.tobytes()[:200]])
def test_a_damaged_profile_is_refused_and_not_guessed(tmp_path, data):
    photo(RED).save(tmp_path / "a.png", icc_profile=data)
    with pytest.raises(MediaError, match="damaged colour profile"):
        read_training_image(tmp_path / "a.png", 16, "crop")


def test_a_profile_for_other_pixels_is_refused(tmp_path):
    photo(GREY, "L").save(tmp_path / "a.png", icc_profile=SRGB_PROFILE.tobytes())
    with pytest.raises(MediaError, match="colour profile for RGB in an image of L"):
        read_training_image(tmp_path / "a.png", 16, "crop")


def test_palettes_are_left_as_they_are(tmp_path):
    image = photo(RED, "P")
    assert convert_to_srgb(image, b"whatever") is image


def test_an_image_without_a_profile_is_left_as_it_is():
    image = photo(RED, "CMYK")
    assert convert_to_srgb(image, b"") is image
