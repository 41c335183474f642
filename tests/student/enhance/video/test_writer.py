"""The writer keeps tags, colours, HDR metadata and durations, and tells encoders of them."""

import re
from fractions import Fraction

import numpy as np
import pytest

from tests.student.enhance.video.clip import make_clip, probe, probe_video, scene
from zerokd.student.enhance.video.frames import read_side_data
from zerokd.student.enhance.video.transcode import enhance_video

av = pytest.importorskip("av")

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
HDR_OPTIONS = {
    "crf": "10",
    "preset": "ultrafast",
    "x265-params": f"log-level=none:master-display={DISPLAY}:max-cll=1000,400",
}


def hdr_clip(path):
    def state_colours(stream):
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 16, 9, 1

    images = [scene(number, (96, 64)) for number in range(3)]
    return make_clip(path, images, "libx265", "yuv420p10le", HDR_OPTIONS, change_stream=state_colours)


@pytest.mark.parametrize(
    ("suffix", "codec", "profile"),
    [("mp4", "hevc", "Main 10"), ("mov", "hevc", "Main 10"), ("mkv", "hevc", "Main 10"), ("webm", "av1", "Main")],
)
def test_hdr_stays(tmp_path, suffix, codec, profile):
    pixels = []
    source = hdr_clip(tmp_path / "a.mkv")
    report = enhance_video(source, tmp_path / f"b.{suffix}", lambda image: pixels.append(image) or image)
    assert report.notes == ()
    assert {(image.shape, image.dtype.name) for image in pixels} == {((64, 96, 3), "uint16")}
    stream = probe_video(tmp_path / f"b.{suffix}")
    assert (stream["codec_name"], stream["profile"], stream["pix_fmt"]) == (codec, profile, "yuv420p10le")
    assert (stream["color_transfer"], stream["color_primaries"]) == ("smpte2084", "bt2020")
    assert stream["color_space"] == "bt2020nc"
    assert suffix not in ("mp4", "mov") or stream["codec_tag_string"] == "hvc1"
    frame = probe(tmp_path / f"b.{suffix}", "-show_frames", "-select_streams", "v", "-read_intervals", "%+#1")[
        "frames"
    ][0]
    sides = {side["side_data_type"]: side for side in frame["side_data_list"]}
    display, light = sides["Mastering display metadata"], sides["Content light level metadata"]
    assert float(Fraction(display["green_y"])) == pytest.approx(0.69, abs=1e-3)
    assert float(Fraction(display["white_point_x"])) == pytest.approx(0.3127, abs=1e-3)
    assert float(Fraction(display["max_luminance"])) == pytest.approx(1000, rel=1e-2)
    assert (light["max_content"], light["max_average"]) == (1000, 400)


def test_hdr_that_cannot_be_stored_is_named(tmp_path):
    (depth, lost) = enhance_video(hdr_clip(tmp_path / "a.mkv"), tmp_path / "b.avi", np.copy).notes
    assert depth == "10 bits became 8"
    for name in ("colour primaries", "transfer characteristic", "HDR mastering display", "HDR content light level"):
        assert name in lost


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("colours", [(1, 1, 1, 1), (6, 6, 6, 1), (5, 1, 5, 2)])  # primaries, transfer, matrix, range
def test_colour_tags_and_colours_stay(tmp_path, suffix, colours):
    def state_colours(stream):
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = colours

    bands = np.repeat(np.array([[200, 30, 20], [20, 180, 60], [30, 40, 190]], np.uint8), 32, axis=0)
    image = np.broadcast_to(bands, (64, 96, 3)).copy()
    source = make_clip(tmp_path / "a.mp4", [image] * 2, change_stream=state_colours)
    assert enhance_video(source, tmp_path / f"b.{suffix}", np.copy).notes == ()
    with av.open(str(tmp_path / f"b.{suffix}")) as container, av.open(str(source)) as original:
        context, before = (file.streams.video[0].codec_context for file in (container, original))
        for name in ("color_primaries", "color_trc", "color_range", "colorspace"):
            stated = {int(getattr(context, name)), int(getattr(before, name))}
            assert len(stated) == 1 or stated == {5, 6}  # two numbers of one matrix
        frame, old = (
            next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int) for file in (container, original)
        )
    assert np.abs(frame - old)[8:-8, [16, 48, 80]].max() <= 6


def test_full_range_becomes_limited_where_no_range_is_stated(tmp_path):
    source = make_clip(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj420p", options={"qmin": "2", "qmax": "2"})
    assert enhance_video(source, tmp_path / "b.avi", np.copy).notes == ()
    with av.open(str(tmp_path / "b.avi")) as container, av.open(str(source)) as original:
        frame, before = (next(file.decode(video=0)).to_ndarray(format="rgb24") for file in (container, original))
    assert np.abs(frame.astype(int) - before).mean() < 3


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi"])
def test_tags_stay_or_are_named(tmp_path, suffix):
    tags = {
        "title": "Night ü 夜",
        "creation_time": "2024-01-02T03:04:05.000000Z",
        "comment": "dark",
        "place.of.mine": "here",
        "artist": "me",
    }
    source = make_clip(tmp_path / "a.mkv", tags=tags)
    notes = enhance_video(source, tmp_path / f"b.{suffix}", np.copy).notes
    stated = {key.lower(): value for key, value in probe(tmp_path / f"b.{suffix}")["format"]["tags"].items()}
    lost = {key for key, value in tags.items() if stated.get(key) != value}
    assert lost == (set() if suffix != "avi" else {"creation_time", "place.of.mine"})
    assert all(repr(key) in "".join(notes) for key in lost)
    assert bool(notes) == bool(lost)


def test_tags_that_are_not_utf8_are_no_error(tmp_path):
    source = make_clip(tmp_path / "a.avi", codec="mpeg4", options={}, tags={"title": "xyz"})
    source.write_bytes(source.read_bytes().replace(b"xyz", b"n\xfct"))
    enhance_video(source, tmp_path / "b.avi", np.copy)
    assert b"n\xfct" in (tmp_path / "b.avi").read_bytes()


def caption_clip(folder):
    """A video whose frames carry closed captions: a message of ITU-T T.35 before each slice of H.264."""
    make_clip(folder / "a.h264", options={"crf": "4", "bf": "0", "x264-params": "slices=1:threads=1"}, muxer="h264")
    message = b"\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x2c\xff"  # one pair of EIA-608 bytes
    start = b"\x00\x00\x00\x01"
    units = [unit for unit in re.split(b"\0{2,3}\1", (folder / "a.h264").read_bytes()) if unit]
    packet = start + bytes((6, 4, len(message))) + message + b"\x80"
    data = b"".join((packet if unit[0] & 31 in (1, 5) else b"") + start + unit for unit in units)
    (folder / "captions.h264").write_bytes(data)
    with av.open(str(folder / "captions.h264")) as source, av.open(str(folder / "captions.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        stream.time_base = Fraction(1, 25)
        for number, packet in enumerate(packet for packet in source.demux() if packet.size):
            packet.time_base, packet.pts, packet.dts = Fraction(1, 25), number, number
            packet.stream = stream
            target.mux(packet)
    return folder / "captions.mkv"


def captions_of(path):
    with av.open(str(path)) as container:
        return [read_side_data(frame, "A53_CC") for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_closed_captions_stay(tmp_path, suffix):
    source = caption_clip(tmp_path)
    assert captions_of(source) == [b"\xfc\x94\x2c"] * 6
    assert enhance_video(source, tmp_path / f"b.{suffix}", lambda pixels: pixels // 2 + 60).notes == ()
    assert captions_of(tmp_path / f"b.{suffix}") == [b"\xfc\x94\x2c"] * 6


@pytest.mark.parametrize("suffix", ["webm", "avi"])
def test_closed_captions_that_cannot_stay_are_named(tmp_path, suffix):
    notes = enhance_video(caption_clip(tmp_path), tmp_path / f"b.{suffix}", np.copy).notes
    assert notes == ("not kept: closed captions",)


def test_encoders_are_silent(tmp_path, capfd):
    source = hdr_clip(tmp_path / "a.mkv")
    for suffix in ("mkv", "webm"):
        enhance_video(source, tmp_path / f"b.{suffix}", np.copy)
    assert capfd.readouterr() == ("", "")
