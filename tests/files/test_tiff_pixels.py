"""TIFF pixels are what the file says, or it is refused by name."""

import struct

import numpy as np
import pytest
from PIL import Image

from zerokd.files.photo import MediaError, read_photo
from zerokd.files.tiff_pixels import is_plain_ycbcr, read_tiff_layout, require_readable_tiff

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def tiff(pixels, photometric, tags=()):
    """A little-endian TIFF of one strip without compression; ``tags`` are (number, type, values)."""
    bits, samples = pixels.dtype.itemsize * 8, 1 if pixels.ndim == 2 else pixels.shape[2]
    strip = pixels.tobytes()
    height, width = pixels.shape[:2]
    all_tags = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
        273: (4, [8]), 277: (3, [samples]), 278: (4, [height]), 279: (4, [len(strip)]), 284: (3, [1]),
    }  # fmt: skip
    all_tags |= {number: (kind, values) for number, kind, values in tags}
    codes, tail, entries = {1: "B", 3: "H", 4: "I", 5: "I"}, b"", b""
    end = 8 + len(strip)
    for number, (kind, values) in sorted(all_tags.items()):
        packed = struct.pack(f"<{len(values)}{codes[kind]}", *values)
        place = struct.pack("<I", end + len(tail)) if len(packed) > 4 else packed.ljust(4, b"\0")
        tail += packed if len(packed) > 4 else b""
        entries += struct.pack("<HHI", number, kind, len(values) // (2 if kind == 5 else 1)) + place
    directory = struct.pack("<H", len(all_tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", end + len(tail)) + strip + tail + directory


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


WEIGHTS = {"BT.601": (299, 587, 114), "BT.709": (212.6, 715.2, 72.2)}


def to_ycbcr(rgb, weights=WEIGHTS["BT.601"], levels=(0, 255, 128, 255, 128, 255)):
    """Exact YCbCr of the standard, by the forward formula; ``levels`` are those of black and white of each channel."""
    red, green, blue = (weight / 1000 for weight in weights)
    luma = rgb.astype(float) @ (red, green, blue)
    channels = (luma, (rgb[..., 2] - luma) / (2 - 2 * blue), (rgb[..., 0] - luma) / (2 - 2 * red))
    spans = zip(levels[::2], levels[1::2], (255, 127, 127), strict=True)
    return np.dstack(
        [low + values * (high - low) / span for values, (low, high, span) in zip(channels, spans, strict=True)]
    )


ONE_TO_ONE = (530, 3, [1, 1])
VIDEO_LEVELS = (16, 235, 128, 240, 128, 240)


def rationals(values, scale=1):
    return [number for value in values for number in (round(value * scale), scale)]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("levels", [(0, 255, 128, 255, 128, 255), VIDEO_LEVELS])
def test_ycbcr_becomes_rgb_by_its_own_coefficients_and_levels(path, orientation, weights, levels):
    # 16-bit numbers, so that rounding hides nothing
    deep = np.rint(to_ycbcr(RGB, WEIGHTS[weights], levels) * 256).clip(0, 65535).astype(np.uint16)
    tags = [ONE_TO_ONE, (274, 3, [orientation]), (532, 5, rationals([256 * level for level in levels]))]
    path.write_bytes(
        tiff(deep, 6, [*tags, (529, 5, rationals([weight / 1000 for weight in WEIGHTS[weights]], 10_000))])
    )
    expected = np.rot90(RGB, -1) if orientation == 6 else RGB
    pixels = read_photo(path).pixels
    assert (pixels.shape, pixels.dtype) == (expected.shape, np.uint16)
    assert np.abs(pixels / 65535 - expected / 255).max() <= 0.01


def test_ycbcr_of_eight_bits_is_rounded_to_the_nearest(path):
    coded = np.rint(to_ycbcr(RGB)).clip(0, 255).astype(np.uint8)
    path.write_bytes(tiff(coded, 6, [ONE_TO_ONE]))
    luma, blueness, redness = (coded[..., index].astype(float) - (0, 128, 128)[index] for index in range(3))
    exact = np.dstack(
        [
            luma + 1.402 * redness,
            luma - (0.114 * 1.772 * blueness + 0.299 * 1.402 * redness) / 0.587,
            luma + 1.772 * blueness,
        ]
    )
    assert np.abs(read_photo(path).pixels - exact.clip(0, 255)).max() <= 0.501


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_compressed_ycbcr_is_converted_too(path, compression):
    image = Image.fromarray(RGB).convert("YCbCr")
    image.save(path, "TIFF", compression=compression)
    assert np.abs(read_photo(path).pixels.astype(int) - np.asarray(image.convert("RGB"))).max() <= 1


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([], "subsampled YCbCr"),
        ([ONE_TO_ONE, (529, 5, [1, 1, 0, 1, 0, 1])], "impossible coefficients"),
        ([ONE_TO_ONE, (532, 5, [9, 1, 9, 1, 128, 1, 240, 1, 128, 1, 240, 1])], "impossible coefficients or levels"),
    ],
)
def test_other_ycbcr_is_refused(path, tags, reason):
    path.write_bytes(tiff(RGB, 6, tags))
    with pytest.raises(MediaError, match=reason):
        read_photo(path)


@pytest.mark.parametrize(
    ("photometric", "samples", "tags", "reason"),
    [
        (4, 1, [], "a TIFF of a transparency mask"),
        (9, 3, [], "a TIFF of ICC Lab"),
        (32803, 1, [], "a TIFF of the raw values of a sensor"),
        (34892, 3, [], "a TIFF of linear raw values"),
        (999, 3, [], "a photometric interpretation of 999"),
        (2, 3, [(50706, 1, [1, 4, 0, 0])], r"a raw photo \(DNG\) \(unsupported\)"),
        (2, 3, [(254, 4, [1])], "whose first page is a preview"),
        (5, 4, [(332, 3, [2])], "not RGB, grey or CMYK"),
    ],
)
def test_what_is_neither_rgb_nor_grey_is_refused(path, photometric, samples, tags, reason):
    pixels = np.dstack([RGB, RGB[..., 0]])[..., :samples]
    path.write_bytes(tiff(np.ascontiguousarray(pixels), photometric, tags))
    with pytest.raises(MediaError, match=reason):
        read_photo(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_and_associated_alpha(path, dtype):
    most = np.iinfo(dtype).max
    grey = RGB[..., 0].astype(dtype) * dtype(most // 255)
    path.write_bytes(tiff(most - grey, 0))
    assert np.array_equal(read_photo(path).pixels[..., 0], grey)
    colours = RGB.astype(np.uint32) * (most // 255)
    premultiplied = np.dstack([colours // 2, np.full(RGB.shape[:2], most // 2)]).astype(dtype)
    path.write_bytes(tiff(premultiplied, 2, [(338, 3, [1])]))
    assert np.abs(read_photo(path).pixels[..., :3].astype(int) - colours).max() <= 2 * most // 255


@pytest.mark.parametrize("compression", [34712, 50002, 65000])
def test_a_compression_that_no_decoder_has_is_called_unsupported(path, compression):
    path.write_bytes(tiff(RGB, 2, [(259, 3, [compression])]))
    with pytest.raises(MediaError, match=r"^unsupported: .*not implemented"):
        read_photo(path)


def test_a_damaged_directory_is_left_to_the_decoder(path):
    path.write_bytes(b"II*\0\xff\xff\0\0")
    layout = read_tiff_layout(path)
    require_readable_tiff(layout)
    assert not is_plain_ycbcr(layout)
