"""Frames to pixels and back: nothing changes on the way, whatever the format, and turns are exact."""

from fractions import Fraction

import numpy as np
import pytest

from tests.student.enhance.video.clip import scene
from zerokd.student.enhance.video.frames import (
    BT601,
    BT709,
    DEINTERLACER,
    JOIN_FIELDS,
    ORIENTATION_FILTERS,
    SPLIT_FIELDS,
    FrameEncoding,
    FrameFilter,
    choose_matrix,
    count_bits,
    frame_to_pixels,
    has_alpha,
    has_full_range,
    usual_matrix,
)

av = pytest.importorskip("av")


def make_frame(pixel_format, image=None, **properties):
    frame = av.VideoFrame.from_ndarray(scene() if image is None else image, format="rgb24")
    frame = frame.reformat(format=pixel_format, dst_colorspace=properties.get("colorspace"))
    for name, value in properties.items():
        setattr(frame, name, value)
    frame.pts, frame.time_base = 3, Fraction(1, 25)
    return frame


@pytest.mark.parametrize("signs", ORIENTATION_FILTERS)
def test_turns_are_those_of_the_matrix(signs):
    a, b, c, d = signs
    values = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6)
    frame = av.VideoFrame.from_ndarray(values, format="gray")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    (turned,) = FrameFilter(ORIENTATION_FILTERS[signs])(frame)
    expected = np.zeros((4, 6) if a else (6, 4), np.uint8)
    for y in range(4):
        for x in range(6):
            right, down = a * x + c * y, b * x + d * y
            expected[down - min(0, 3 * d, 5 * b), right - min(0, 5 * a, 3 * c)] = values[y, x]
    assert (turned.to_ndarray() == expected).all()


def test_fields_are_laid_apart_and_joined_again():
    frame = make_frame("yuv420p")
    (split,) = FrameFilter((SPLIT_FIELDS,))(frame)
    luma, apart = frame.to_ndarray()[:48], split.to_ndarray()[:48]
    assert (apart == np.concatenate([luma[::2], luma[1::2]])).all()
    (joined,) = FrameFilter((JOIN_FIELDS,))(split)
    assert (joined.to_ndarray() == frame.to_ndarray()).all()


def test_a_filter_holds_frames_back_adapts_to_a_new_size_and_gives_each_one():
    chain = FrameFilter((DEINTERLACER,))
    frames = [make_frame("yuv420p", scene(size=size)) for size in [(64, 48)] * 3 + [(32, 16)] * 2]
    times = []
    for number, frame in enumerate(frames):
        frame.pts = number
        times += [(out.pts * out.time_base, out.width) for out in chain(frame)]
    times += [(out.pts * out.time_base, out.width) for out in chain.flush()]
    assert times == [(Fraction(number, 25), frame.width) for number, frame in enumerate(frames)]
    assert chain.flush() == []


@pytest.mark.parametrize(
    ("pixel_format", "bits", "alpha"),
    [("yuv420p", 8, False), ("yuv422p10le", 10, False), ("yuva420p", 8, True), ("rgba", 8, True), ("pal8", 8, False)],
)
def test_what_a_format_holds(pixel_format, bits, alpha):
    assert (count_bits(av.VideoFormat(pixel_format)), has_alpha(av.VideoFormat(pixel_format))) == (bits, alpha)


@pytest.mark.parametrize("level", range(16, 236, 7))
@pytest.mark.parametrize("matrix", [BT601, BT709])
def test_levels_survive_the_way_to_rgb_and_back(level, matrix):
    frame = av.VideoFrame(64, 48, "yuv420p")
    for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.colorspace, frame.color_range, frame.pts, frame.time_base = matrix, 1, 0, Fraction(1, 25)
    grey = round((level - 16) * 255 / 219)
    pixels = frame_to_pixels(frame)
    assert (pixels == grey).all()
    result = FrameEncoding("yuv420p", matrix, False).replace_pixels(frame, pixels)
    assert set(result.to_ndarray().flat) == {level, 128}


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le", "yuv422p", "yuv420p", "yuva444p", "gray"])
@pytest.mark.parametrize("matrix", [BT601, BT709])
def test_pixels_survive_the_way_to_a_frame_and_back(pixel_format, matrix):
    frame = make_frame(pixel_format, colorspace=matrix)
    pixels = frame_to_pixels(frame)
    target = "yuv444p10le" if "10" in pixel_format else ("yuva444p" if "yuva" in pixel_format else "yuv444p")
    result = frame_to_pixels(FrameEncoding(target, matrix, False).replace_pixels(frame, pixels.copy()))
    scale = 257 if pixels.dtype == np.uint16 else 1
    assert pixels.dtype == (np.uint16 if "10" in pixel_format else np.uint8)
    assert np.abs(result.astype(int) - pixels).max() <= 2 * scale


@pytest.mark.parametrize(
    ("pixel_format", "target"), [("yuvj420p", "yuv420p"), ("nv12", "yuv420p"), ("yuv422p10le", "yuv422p10le")]
)
def test_what_is_not_changed_keeps_every_value(pixel_format, target):
    frame = make_frame(pixel_format)
    planes = [np.frombuffer(bytes(plane), np.uint8) for plane in frame.planes]
    if pixel_format == "nv12":  # one plane for both colours
        planes[1:] = planes[1][::2], planes[1][1::2]
    result = FrameEncoding(target, choose_matrix(frame), has_full_range(frame)).convert(frame)
    assert result.format.name == target
    for plane, expected in zip(result.planes, planes, strict=True):
        assert (np.frombuffer(bytes(plane), np.uint8) == expected).all()


def test_replaced_pixels_keep_time_and_captions():
    frame = make_frame("yuv420p")
    result = FrameEncoding("yuv420p", BT601, False).replace_pixels(frame, scene(5))
    assert (result.pts, result.time_base, result.pict_type) == (3, Fraction(1, 25), 0)


def test_the_full_range_is_that_of_the_frame():
    assert has_full_range(make_frame("yuvj420p"))
    assert has_full_range(make_frame("rgb24"))
    assert has_full_range(make_frame("yuv420p", color_range=2))
    assert not has_full_range(make_frame("yuv420p", color_range=1))


def test_a_matrix_that_is_not_named_is_the_one_that_players_assume():
    assert (usual_matrix(576), usual_matrix(720)) == (BT601, BT709)
    assert choose_matrix(make_frame("yuv420p", colorspace=2)) == BT601
    assert choose_matrix(make_frame("yuv420p", scene(size=(1280, 720)), colorspace=2)) == BT709
    assert choose_matrix(make_frame("yuv420p", colorspace=9)) == 9
    assert choose_matrix(make_frame("yuv420p", colorspace=6)) == BT601
