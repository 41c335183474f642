"""The statistics of photo folders whose content is known."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.data import zoo
from zerokd.describe.photo_folder import describe_folder, survey_folder
from zerokd.errors import DataError


def scene(seed, size=(96, 64)):
    """Smooth noise: a different image for each seed."""
    small = np.random.default_rng(seed).integers(0, 200, (6, 8, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def flat(level):
    return Image.new("RGB", (40, 40), (level,) * 3)


def test_exact_duplicates_are_pixels_not_bytes(tmp_path):
    for name in ("a.png", "b.bmp", "c.png"):
        scene(1).save(tmp_path / name)
    scene(2).save(tmp_path / "d.png")
    statistics = survey_folder(str(tmp_path), 64, "crop")
    assert statistics.image_statistics.duplicates == (("a.png", "b.bmp", "c.png"),)
    assert statistics.image_statistics.near_duplicates == ()


def test_near_duplicates_are_the_same_scene_a_little_changed(tmp_path):
    for seed in range(30):
        scene(seed).save(tmp_path / f"{seed:02}.png")
    scene(7).save(tmp_path / "recompressed.jpg", quality=60)
    scene(9).point(lambda value: value * 0.6).save(tmp_path / "darker.png")
    statistics = survey_folder(str(tmp_path), 64, "resize")
    assert {frozenset(pair) for pair in statistics.image_statistics.near_duplicates} == {
        frozenset(("07.png", "recompressed.jpg")),
        frozenset(("09.png", "darker.png")),
    }


def test_flat_photos_are_not_taken_for_one_another(tmp_path):
    for level in range(0, 250, 10):
        flat(level).save(tmp_path / f"{level}.png")
    assert survey_folder(str(tmp_path), 32, "crop").image_statistics.near_duplicates == ()


@pytest.mark.parametrize(
    ("levels", "histogram", "verdict"),
    [
        ((0, 20, 30, 60), [2, 1, 1, 0, 0, 0, 0, 0, 0, 0], "this is low-light data: 100% of"),
        ((20, 40, 128, 255), [1, 1, 0, 0, 0, 1, 0, 0, 0, 1], "this is data of mixed exposure: 50% of"),
        ((100, 128, 140, 200, 50), [0, 1, 0, 1, 0, 2, 0, 1, 0, 0], "this is NOT low-light data: only 20% of"),
    ],
)
def test_the_histogram_and_the_verdict_by_hand(tmp_path, levels, histogram, verdict):
    for level in levels:
        flat(level).save(tmp_path / f"{level}.png")
    statistics = survey_folder(str(tmp_path), 32, "crop")
    assert statistics.image_statistics.histogram == histogram
    assert statistics.image_statistics.verdict.startswith(verdict)
    assert sum(statistics.image_statistics.histogram) == len(levels)


def test_the_zoo_is_told_in_full(tmp_path):
    more = zoo.build(tmp_path)
    statistics = survey_folder(str(tmp_path), 32, "crop")
    assert set(statistics.image_statistics.names) == set(zoo.GOOD)
    assert dict(statistics.image_statistics.rejected).keys() == {*zoo.BAD, *more}
    assert statistics.kinds["16 bit"] == 4
    assert statistics.kinds["colour profile"] == 1
    assert statistics.kinds["turned by EXIF"] == 7
    assert (statistics.sizes[0], statistics.sizes[-1]) == ((32, 40), (40, 32))
    data = json.loads(json.dumps(statistics.as_json()))
    assert data["photos"] == len(zoo.GOOD)
    text = describe_folder(statistics)
    assert all(reason in text for _, reason in statistics.image_statistics.rejected)
    assert all(line.isprintable() for line in text.splitlines())


def test_a_folder_without_photos_is_a_data_error(tmp_path):
    with pytest.raises(DataError):
        survey_folder(str(tmp_path), 32, "crop")
