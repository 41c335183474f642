"""The plan turns, deinterlaces or splits fields, and says what changes."""

from fractions import Fraction

import numpy as np
import pytest

from tests.student.enhance.video.clip import level_difference, make_clip, probe_video, scene, set_matrix
from zerokd.student.enhance.video.formats import CONTAINERS
from zerokd.student.enhance.video.frame_plan import plan_frames, square_pixels
from zerokd.student.enhance.video.frames import JOIN_FIELDS, SPLIT_FIELDS
from zerokd.student.enhance.video.reader import VideoReader
from zerokd.student.enhance.video.transcode import enhance_video

av = pytest.importorskip("av")

FIELD_ORDER = {"tff": 2, "bff": 3}  # of FFmpeg


def interlaced_clip(path, order="tff"):
    """A block that moves between the fields of a frame."""
    images = []
    for number in range(6):
        fields = [np.roll(scene(), 4 * (2 * number + late), axis=1) for late in (0, 1)]
        first, second = fields if order == "tff" else fields[::-1]
        images.append(np.where((np.arange(48) % 2 == 0)[:, None, None], first, second))
    options = {"crf": "4", "x264-params": f"{order}=1"} if path.suffix != ".avi" else {"flags": "+qscale+ildct"}
    return make_clip(path, images, "libx264" if path.suffix != ".avi" else "mpeg4", options=options)


def plan_of(path, suffix=".mp4", deinterlace=False):
    with VideoReader(path, in_threads=False) as reader:
        return plan_frames(reader.first_frame(), reader.video, suffix, deinterlace)


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi"])
def test_fields_and_their_order_stay(tmp_path, suffix, order):
    source = interlaced_clip(tmp_path / "a.mp4", order)
    assert enhance_video(source, tmp_path / f"b.{suffix}", lambda pixels: pixels // 2 + 60).notes == ()
    stream = probe_video(tmp_path / f"b.{suffix}", "-show_frames", "-select_streams", "v")
    assert suffix == "avi" or stream["field_order"] == {"tff": "tt", "bff": "bb"}[order]
    with av.open(str(tmp_path / f"b.{suffix}")) as container:
        assert all(frame.interlaced_frame for frame in container.decode(video=0))


def test_fields_are_enhanced_apart(tmp_path):
    shapes = []

    def blur(pixels):  # of a field the rows are alike, of a frame they alternate
        shapes.append(pixels.shape)
        return np.concatenate([half.mean(0, keepdims=True).repeat(len(half), 0) for half in np.split(pixels, 2)])

    images = [
        np.where((np.arange(48) % 2 == 0)[:, None, None], 200, 60).astype(np.uint8) * np.ones((1, 64, 3), np.uint8)
    ]
    options = {"crf": "1", "x264-params": "tff=1"}
    source = make_clip(tmp_path / "a.mp4", images * 3, options=options)
    enhance_video(source, tmp_path / "b.mp4", lambda pixels: blur(pixels).astype(np.uint8))
    with av.open(str(tmp_path / "b.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert set(shapes) == {(48, 64, 3)}
    assert abs(frame[4:-4:2].mean() - 200) < 8
    assert abs(frame[5:-4:2].mean() - 60) < 8


def test_fields_become_whole_frames_on_request_and_where_they_cannot_stay(tmp_path):
    source = interlaced_clip(tmp_path / "a.mp4")
    assert enhance_video(source, tmp_path / "b.mp4", np.copy, deinterlace=True).notes == ("deinterlaced",)
    assert probe_video(tmp_path / "b.mp4")["field_order"] == "progressive"
    notes = enhance_video(source, tmp_path / "b.webm", np.copy).notes
    assert notes == ("deinterlaced, as the result cannot hold its fields",)
    for name in ("b.mp4", "b.webm"):
        with av.open(str(tmp_path / name)) as container:
            frames = list(container.decode(video=0))
        assert len(frames) == 6
        assert not any(frame.interlaced_frame for frame in frames)
        luma = frames[3].to_ndarray(format="gray")[16:32].astype(int)
        assert np.abs(luma[1:-1:2] - (luma[:-2:2] + luma[2::2]) / 2).mean() < 2  # no comb


def test_a_turned_interlaced_video_is_deinterlaced(tmp_path):
    source = set_matrix(interlaced_clip(tmp_path / "a.mp4"), (0, 1, -1, 0))
    plan = plan_of(source)
    assert plan.notes == ("deinterlaced, as the result cannot hold its fields",)
    assert (plan.first_frame.width, plan.first_frame.height) == (48, 64)


def test_a_progressive_video_is_not_touched(tmp_path):
    plan = plan_of(make_clip(tmp_path / "a.mp4"), deinterlace=True)
    assert (plan.filters, plan.join_filters, plan.notes, plan.pixel_aspect) == ((), (), (), None)


def test_the_fields_of_an_interlaced_video_are_split_and_joined(tmp_path):
    plan = plan_of(interlaced_clip(tmp_path / "a.mp4"))
    assert plan.filters == (SPLIT_FIELDS,)
    assert plan.join_filters == (JOIN_FIELDS, "setfield=tff")


def test_transparency_that_cannot_be_stored_is_composited_over_black(tmp_path):
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    image = np.dstack([np.full((48, 64, 3), 200, np.uint8), alpha])
    options = {"crf": "4", "b": "0", "auto-alt-ref": "0"}
    source = make_clip(tmp_path / "a.webm", [image] * 2, "libvpx-vp9", "yuva420p", options)
    plan = plan_of(source)
    assert plan.drops_alpha
    assert not plan_of(source, ".webm").drops_alpha
    pixels = plan.read_pixels(plan.first_frame)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels.astype(int) - (200.0 * alpha / 255)[..., None]).max() < 8


@pytest.mark.parametrize(
    ("suffix", "pixel_format"), [("webm", "yuva420p"), ("mkv", "yuva420p"), ("mov", "yuva444p10le")]
)
def test_transparency_stays_where_it_can(tmp_path, suffix, pixel_format):
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    options = {"crf": "4", "b": "0", "auto-alt-ref": "0"}
    source = make_clip(tmp_path / "a.webm", [np.dstack([scene(), alpha])] * 2, "libvpx-vp9", "yuva420p", options)
    assert enhance_video(source, tmp_path / f"b.{suffix}", np.copy).notes == ()
    with VideoReader(tmp_path / f"b.{suffix}", in_threads=False) as reader:
        frame = reader.first_frame()
    assert frame.format.name.startswith("yuva")
    assert level_difference(frame.reformat(format="rgba").to_ndarray()[..., 3], alpha) < 2


def test_a_wide_plan_holds_two_frames(tmp_path):
    kind = plan_of(make_clip(tmp_path / "a.mp4")).widen(8).format.kind
    assert (kind.width, kind.height) == (136, 48)


@pytest.mark.parametrize(
    ("size", "aspect", "square"),
    [
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((64, 48), Fraction(1, 2), (64, 96)),
        ((96, 64), Fraction(64, 45), (136, 64)),
    ],
)
def test_square_pixels_keep_the_shape(size, aspect, square):
    assert square_pixels(*size, aspect) == square


def test_what_pixels_replace_need_not_be_stated(tmp_path):
    plan = plan_of(make_clip(tmp_path / "a.mp4"))
    stated = {"pixel aspect": "4:3", "fields": "interlaced", "colour matrix": "5", "transfer characteristic": "1"}
    assert set(plan.expected_properties(stated, CONTAINERS[".mp4"])) == {"colour matrix", "transfer characteristic"}
    assert set(plan.expected_properties(stated, CONTAINERS[".avi"])) == {"transfer characteristic"}
