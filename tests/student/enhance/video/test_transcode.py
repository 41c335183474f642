"""Videos: as many frames as before, at the same times, upright, with everything else as it was, or named."""

import errno
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.student.enhance.video.clip import (
    UPRIGHT,
    add_sound,
    level_difference,
    make_clip,
    probe,
    probe_video,
    read_frames,
    scene,
    set_matrix,
)
from zerokd.files.photo import MediaError
from zerokd.student.enhance.video import transcode
from zerokd.student.enhance.video.frames import ORIENTATION_FILTERS
from zerokd.student.enhance.video.transcode import enhance_video

av = pytest.importorskip("av")

CODECS = {"mp4": "libx264", "mov": "libx264", "mkv": "libx264", "webm": "libvpx-vp9", "avi": "mpeg4"}
VP9_OPTIONS = {"crf": "10", "b": "0", "deadline": "realtime", "cpu-used": "8"}


def unchanged(pixels):
    return pixels


def brighter(pixels):
    return (pixels + pixels.dtype.type(40 if pixels.dtype == np.uint8 else 40 * 257)).astype(pixels.dtype)


def clip_of(folder, suffix, **options):
    codec_options = VP9_OPTIONS if suffix == "webm" else {"global_quality": "236", "flags": "+qscale"}
    options.setdefault("options", {"crf": "4"} if CODECS[suffix] == "libx264" else codec_options)
    return make_clip(folder / f"a.{suffix}", codec=CODECS[suffix], **options)


def sound_of(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("suffix", CODECS)
def test_frames_times_and_sound_of_each_container(tmp_path, suffix):
    source, target = clip_of(tmp_path, suffix, rate=Fraction(30000, 1001), sounds=1), tmp_path / f"b.{suffix}"
    assert enhance_video(source, target, brighter) == transcode.VideoReport()
    before, after = read_frames(source), read_frames(target)
    assert len(after) == len(before) == 6
    assert np.allclose([time for time, _ in after], [time for time, _ in before], atol=2e-3)
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert abs((new.astype(int) - old).mean() - 40) <= 1.5  # both were compressed
    assert sound_of(target) == sound_of(source) != []
    stream = probe_video(target)
    assert stream["codec_name"] == {"libx264": "h264", "libvpx-vp9": "vp9", "mpeg4": "mpeg4"}[CODECS[suffix]]
    assert suffix != "avi" or stream["has_b_frames"] == 0


@pytest.mark.parametrize("suffix", CODECS)
def test_zerokd_reads_its_own_result(tmp_path, suffix):
    source = clip_of(tmp_path, suffix, sounds=1)
    enhance_video(source, tmp_path / f"b.{suffix}", unchanged)
    assert enhance_video(tmp_path / f"b.{suffix}", tmp_path / f"c.{suffix}", unchanged) == transcode.VideoReport()
    assert len(read_frames(tmp_path / f"c.{suffix}")) == 6


@pytest.mark.parametrize("signs", ORIENTATION_FILTERS)
def test_all_eight_orientations_equal_an_upright_twin(tmp_path, signs):
    a, b, c, d = signs

    def stored(image):  # the pixel at (x, y) is shown at (a x + c y, b x + d y)
        height, width = image.shape[:2]
        rows, columns = np.mgrid[0 : (height if a else width), 0 : (width if a else height)]
        right = a * columns + c * rows + (width - 1) * ((a + c) < 0)
        down = b * columns + d * rows + (height - 1) * ((b + d) < 0)
        return image[down, right]

    images = [scene(number) for number in range(2)]
    turned = make_clip(tmp_path / "turned.mp4", [stored(image) for image in images])
    assert enhance_video(set_matrix(turned, signs), tmp_path / "b.mp4", brighter).notes == ()
    enhance_video(make_clip(tmp_path / "upright.mp4", images), tmp_path / "c.mp4", brighter)
    for (_, result), (_, twin) in zip(read_frames(tmp_path / "b.mp4"), read_frames(tmp_path / "c.mp4"), strict=True):
        assert result.shape == twin.shape
        assert level_difference(result, twin) < 3  # of a wrong turn it is above 19; both were compressed
    assert "side_data_list" not in probe_video(tmp_path / "b.mp4")  # no matrix is left to apply


def test_a_matrix_of_another_angle_is_named(tmp_path):
    source = make_clip(tmp_path / "a.mp4")
    set_matrix(source, UPRIGHT)
    data = bytearray(source.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 2] = b"\0\2"  # twice as wide
    source.write_bytes(data)
    assert "nearest" in enhance_video(source, tmp_path / "b.mp4", unchanged).notes[0]


def test_a_quarter_turn_turns_the_pixel_aspect_too(tmp_path):
    def make_wide(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = make_clip(tmp_path / "a.mp4", change_stream=make_wide)
    enhance_video(source, tmp_path / "b.mp4", unchanged)
    assert probe_video(tmp_path / "b.mp4")["sample_aspect_ratio"] == "4:3"
    assert enhance_video(set_matrix(source, (0, 1, -1, 0)), tmp_path / "c.mp4", unchanged).notes == ()
    assert probe_video(tmp_path / "c.mp4")["sample_aspect_ratio"] == "3:4"


@pytest.mark.parametrize("suffix", [suffix for suffix in CODECS if suffix != "webm"])
def test_the_pixel_aspect_stays(tmp_path, suffix):
    def make_anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)

    source = make_clip(tmp_path / "a.mp4", change_stream=make_anamorphic)
    assert enhance_video(source, tmp_path / f"b.{suffix}", unchanged).notes == ()
    assert probe_video(tmp_path / f"b.{suffix}")["sample_aspect_ratio"] == "64:45"


def test_pixels_become_square_where_no_other_can_be_stated(tmp_path):
    def make_anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)

    source = make_clip(tmp_path / "a.mp4", change_stream=make_anamorphic)
    assert enhance_video(source, tmp_path / "b.webm", unchanged).notes == ("its pixels of 3:2 became square: 96x48",)
    assert read_frames(tmp_path / "b.webm")[0][1].shape == (48, 96, 3)


@pytest.mark.parametrize("level", [16, 40, 41, 126, 235])
def test_what_does_not_change_keeps_its_level(tmp_path, level):
    def flat(frame):
        for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        return frame

    source = make_clip(tmp_path / "a.mp4", options={"qp": "0"}, change_frame=flat)
    enhance_video(source, tmp_path / "b.mp4", unchanged)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert {int(value) for frame in container.decode(video=0) for value in frame.to_ndarray()[:48].flat} == {level}


def test_how_much_is_done_is_reported(tmp_path):
    shares = []
    enhance_video(make_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4", unchanged, shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 6
    assert 0 <= shares[0] < shares[-1] <= 1


def test_before_and_after_lie_side_by_side(tmp_path):
    source = make_clip(tmp_path / "a.mp4", sounds=1)
    enhance_video(source, tmp_path / "b.mp4", brighter, comparison=tmp_path / "b.compare.mp4")
    both, before, after = (read_frames(tmp_path / name) for name in ("b.compare.mp4", "a.mp4", "b.mp4"))
    assert len(both) == 6
    assert both[0][1].shape == (48, 2 * 64 + 8, 3)
    assert level_difference(both[3][1][:, :64], before[3][1]) < 3
    assert level_difference(both[3][1][:, -64:], after[3][1]) < 3
    assert [time for time, _ in both] == [time for time, _ in before]


def test_a_name_is_a_file_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_clip(Path("12:30:05.mp4"))
    enhance_video(Path("12:30:05.mp4"), Path("http:5.mp4"), unchanged, comparison=Path("concat:a|b.mp4"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["12:30:05.mp4", "concat:a|b.mp4", "http:5.mp4"]


def test_times_that_are_not_regular_stay(tmp_path):
    times = [0.5, 0.54, 0.7, 0.71, 1.9, 2.0]
    source = make_clip(tmp_path / "a.mkv", times=times)
    for suffix in ("mkv", "mp4", "mov", "webm"):
        assert enhance_video(source, tmp_path / f"b.{suffix}", unchanged).notes == ()
        packets = probe(tmp_path / f"b.{suffix}", "-show_packets")["packets"]
        assert sorted(float(packet["pts_time"]) for packet in packets) == pytest.approx(times, abs=2e-3)


def test_a_fixed_rate_names_the_frames_that_it_moves(tmp_path):
    source = make_clip(tmp_path / "a.mkv", times=[0, 0.04, 0.08, 0.13, 0.16, 0.2])
    (note,) = enhance_video(source, tmp_path / "b.avi", unchanged).notes
    assert note.startswith("1 frames are shown up to ")
    assert len(read_frames(tmp_path / "b.avi")) == 6


def test_avi_starts_with_its_first_frame(tmp_path):
    source = make_clip(tmp_path / "a.mkv", times=[0.4, 0.44, 0.48, 0.52, 0.56, 0.6])
    assert enhance_video(source, tmp_path / "b.avi", unchanged).notes == ()
    times = [time for time, _ in read_frames(tmp_path / "b.avi")]
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])


def test_frames_that_change_size_are_scaled_and_counted(tmp_path):
    for number, size in enumerate([(64, 48), (32, 48)]):
        images = [scene(n, size) for n in range(6)]
        make_clip(tmp_path / f"{number}.ts", images, times=[0.24 * number + 0.04 * n for n in range(6)], muxer="mpegts")
    (tmp_path / "a.mp4").write_bytes(b"".join((tmp_path / f"{number}.ts").read_bytes() for number in range(2)))
    report = enhance_video(tmp_path / "a.mp4", tmp_path / "b.mp4", unchanged)
    assert report.notes == ("6 frames of another size are scaled to 64x48",)
    assert {image.shape for _, image in read_frames(tmp_path / "b.mp4")} == {(48, 64, 3)}


def test_the_last_frame_is_shown_as_long_as_before(tmp_path):
    source = make_clip(tmp_path / "a.mp4", times=[0, 1, 2, 3, 4, 5], rate=1)
    enhance_video(source, tmp_path / "b.mp4", unchanged)
    assert float(probe(tmp_path / "b.mp4")["format"]["duration"]) == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_sound_that_starts_later_still_does(tmp_path, suffix):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("aac", rate=48000)
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(scene(number), format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        add_sound(container, track, start=24000)
    assert enhance_video(tmp_path / "a.mp4", tmp_path / f"b.{suffix}", unchanged).notes == ()
    starts = {
        stream["codec_type"]: float(stream["start_time"]) for stream in probe(tmp_path / f"b.{suffix}")["streams"]
    }
    assert starts["audio"] - starts["video"] == pytest.approx(0.5, abs=0.03)


@pytest.fixture
def long_clip(tmp_path):
    images = [scene(number % 7) for number in range(50)]
    return make_clip(tmp_path / "a.mkv", images, options={"crf": "1", "g": "10", "bf": "0"})


def test_damaged_frames_are_counted(tmp_path, long_clip):
    data = bytearray(long_clip.read_bytes())
    for share in (0.3, 0.6):
        start = int(len(data) * share)
        data[start : start + 60] = np.random.default_rng(1).integers(0, 256, 60, np.uint8).tobytes()
    long_clip.write_bytes(data)
    assert enhance_video(long_clip, tmp_path / "b.mkv", unchanged).damage == "2 frames are damaged"
    assert len(read_frames(tmp_path / "b.mkv")) == 50


def test_lost_frames_are_counted(tmp_path, long_clip):
    data = bytearray(long_clip.read_bytes())
    data[len(data) * 4 // 10 : len(data) * 6 // 10] = bytes(len(data) * 6 // 10 - len(data) * 4 // 10)
    long_clip.write_bytes(data)
    damage = enhance_video(long_clip, tmp_path / "b.mkv", unchanged).damage
    count = len(read_frames(tmp_path / "b.mkv"))
    assert 5 < count < 45
    assert damage.startswith(f"{50 - count} of 50 frames are lost")


def test_a_cut_video_is_counted(tmp_path, long_clip):
    long_clip.write_bytes(long_clip.read_bytes()[: long_clip.stat().st_size // 2])
    report = enhance_video(long_clip, tmp_path / "b.mkv", unchanged)
    count = len(read_frames(tmp_path / "b.mkv"))
    assert report.damage.startswith(f"{50 - count} of 50 frames are lost")


def test_no_frames_no_video_and_damage_are_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'a.mp4'}'\n")
    whole = make_clip(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "unknown.mp4").write_bytes(whole.replace(b"avc1", b"zzzz"))
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        add_sound(container, container.add_stream("aac", rate=48000))
    for name in ("text", "empty", "list", "cut", "unknown", "sound"):
        with pytest.raises(MediaError, match=r"damaged|no frames"):
            enhance_video(tmp_path / f"{name}.mp4", tmp_path / "b.mp4", brighter)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_no_damage(tmp_path):
    source = make_clip(tmp_path / "a.mkv")
    (tmp_path / "b.mkv").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r".") as caught:
        enhance_video(source, tmp_path / "b.mkv", brighter)
    assert caught.value.errno == errno.ENOSPC


def test_a_writer_that_drops_frames_is_refused(tmp_path, monkeypatch):
    class Forgetful(transcode.FrameStream):
        def finish(self):
            self.times.append(9.9)
            super().finish()

    monkeypatch.setattr("zerokd.student.enhance.video.writer.FrameStream", Forgetful)
    with pytest.raises(MediaError, match="6 of 7 frames arrived"):
        enhance_video(make_clip(tmp_path / "a.mp4"), tmp_path / "b.mp4", unchanged)
