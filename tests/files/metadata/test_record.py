"""Units of resolution, and the sentences on what is left out."""

import pytest

from zerokd.files.metadata.record import (
    CENTIMETRE_METRES,
    INCH_METRES,
    Resolution,
    describe_image_count,
    describe_trailing_bytes,
)


def test_pixels_per_metre_are_pixels_per_inch():
    assert Resolution(11811, 5906, 1.0).convert(INCH_METRES) == (300, pytest.approx(150.01, abs=0.01))
    assert Resolution(300, 72, INCH_METRES).convert(CENTIMETRE_METRES) == pytest.approx((118.11, 28.346), abs=1e-3)


def test_sentences():
    assert describe_image_count(1) == ()
    assert describe_image_count(5) == ("it holds 5 images; the first one is used",)
    assert describe_trailing_bytes(bytes(9)) == ()
    assert describe_trailing_bytes(b"data") == ("not kept: 4 bytes after the image",)
