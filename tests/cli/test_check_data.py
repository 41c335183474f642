"""``zerokd check-data``: exit codes, and what a pipe gets."""

import json

import pytest
from PIL import Image

from tests.command import zerokd


@pytest.fixture
def photos(tmp_path):
    for level in (10, 20, 200):
        Image.new("RGB", (40, 40), (level,) * 3).save(tmp_path / f"{level}.png")
    return tmp_path


def check_data(*arguments):
    return zerokd("check-data", *arguments)


def test_good_photos_are_fine_and_lines_are_short(photos):
    done = check_data(photos, "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 usable photos, 40x40 to 40x40 pixels" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_bad_one_is_named_and_ends_a_strict_check_with_3(photos):
    (photos / "bad\x1b[31m.jpg").write_text("x")
    assert check_data(photos).returncode == 0
    done = check_data(photos, "--strict")
    assert done.returncode == 3
    assert "bad\\x1b[31m.jpg: not an image, or damaged at its start" in done.stdout


def test_json_is_json(photos):
    assert json.loads(check_data(photos, "--json").stdout)["photos"] == 3


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_no_photos_are_a_data_error(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    done = check_data(path)
    assert done.returncode == 3
    assert "training folder" in done.stderr
