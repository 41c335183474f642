"""A header says what a photo is before it is decoded."""

import numpy as np
import pytest
from PIL import Image

from zerokd.files.photo import MediaError
from zerokd.files.photo_header import PhotoHeader, count_pixels, read_photo_header


def test_sizes_and_kinds(tmp_path):
    Image.new("RGB", (5, 3)).save(tmp_path / "plain.png")
    Image.new("LA", (4, 6)).save(tmp_path / "grey.png")
    Image.fromarray(np.zeros((2, 7), np.uint16)).save(tmp_path / "deep.png")
    Image.new("RGB", (9, 8)).save(tmp_path / "plain.bmp")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 3)).save(tmp_path / "turned.jpg", exif=exif)
    headers = {path.name: read_photo_header(path) for path in tmp_path.iterdir()}
    assert headers == {
        "plain.png": PhotoHeader(5, 3, False, False, False, False, False),
        "grey.png": PhotoHeader(4, 6, False, True, True, False, False),
        "deep.png": PhotoHeader(7, 2, True, True, False, False, False),
        "plain.bmp": PhotoHeader(9, 8, False, False, False, False, False),
        "turned.jpg": PhotoHeader(5, 3, False, False, False, False, True),
    }
    assert count_pixels(tmp_path / "plain.png") == 15
    assert count_pixels(tmp_path / "plain.bmp") == 0
    assert count_pixels(tmp_path / "nowhere.png") == 0


def test_what_is_no_photo_has_no_header(tmp_path):
    (tmp_path / "text.png").write_text("no photo")
    with pytest.raises(MediaError, match="not an image"):
        read_photo_header(tmp_path / "text.png")
