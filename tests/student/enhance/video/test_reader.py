"""Packets, frames and damage are counted; a file is read by its content."""

import numpy as np
import pytest

from tests.student.enhance.video.clip import add_sound, make_clip, scene
from zerokd.files.photo import MediaError
from zerokd.student.enhance.video.reader import (
    VideoReader,
    count_missing,
    ends_in_riff_chunk,
    file_url,
    find_video_stream,
    scan_packets,
    usual_step,
)

av = pytest.importorskip("av")


def read_all(path, **options):
    with VideoReader(path, **options) as reader:
        frames = [
            (frame.pts, frame.time_base)
            for packet in reader.read_packets()
            if packet is None or packet.stream is reader.video
            for frame in reader.decode(packet)
        ]
        return frames, reader.describe_damage(scan_packets(path))


@pytest.mark.parametrize("in_threads", [True, False])
def test_all_frames_come_at_their_times(tmp_path, in_threads):
    frames, damage = read_all(make_clip(tmp_path / "a.mkv"), in_threads=in_threads)
    assert [float(pts * unit) for pts, unit in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])
    assert damage == ""


def test_times_increase_even_if_the_file_repeats_one(tmp_path):
    path = make_clip(tmp_path / "a.avi", codec="mpeg4", options={"bf": "2"})  # AVI has no times for display
    frames, _ = read_all(path)
    assert [pts for pts, _ in frames] == sorted({pts for pts, _ in frames})
    assert len(frames) == 6


def test_a_scan_counts_the_packets_of_each_stream(tmp_path):
    scan = scan_packets(make_clip(tmp_path / "a.mp4", sounds=1))
    assert len(scan.times[0]) == 6
    assert len(scan.times[1]) > 10
    assert not scan.has_errors


def test_a_scan_leaves_the_log_as_it_was(tmp_path):
    level = av.logging.get_level()
    scan_packets(make_clip(tmp_path / "a.mp4"))
    assert av.logging.get_level() == level


@pytest.mark.parametrize(
    ("times", "count"),
    [((), 0), ((1.0,), 0), ((0, 1, 2, 3), 0), ((0, 1, 2, 5, 6), 2), ((3, 0, 1, 2), 0), ((0, 0, 1, 2, 4), 1)],
)
def test_missing_packets_are_judged_by_the_usual_step(times, count):
    assert count_missing(times) == count
    assert usual_step(times) == (1 if len(times) > 1 else 0)


def test_a_cut_avi_is_noticed(tmp_path):
    path = make_clip(
        tmp_path / "a.avi", [scene(n) for n in range(20)], codec="mjpeg", pixel_format="yuvj420p", options={}
    )
    assert not ends_in_riff_chunk(path)
    assert read_all(path)[1] == ""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert ends_in_riff_chunk(path)
    frames, damage = read_all(path)
    assert 0 < len(frames) < 20
    assert damage == f"{20 - len(frames)} of 20 frames are lost"


def test_the_video_is_the_default_one_and_never_cover_art(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        for disposition in (0, 1):
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.disposition = 64, 48, disposition
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(scene(number), format="rgb24").reformat(format="yuv420p")
            for stream in container.streams:
                frame.pts = number
                container.mux(stream.encode(frame))
        for stream in container.streams:
            container.mux(stream.encode(None))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert find_video_stream(container).index == 1


def test_a_file_without_frames_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        add_sound(container, container.add_stream("aac", rate=48000))
    with pytest.raises(MediaError, match="no frames"):
        VideoReader(tmp_path / "a.mkv")


def test_a_name_with_a_colon_is_a_file(tmp_path):
    assert file_url(tmp_path / "12:30.mp4") == f"file:{tmp_path}/12:30.mp4"


def test_alpha_is_decoded(tmp_path):
    image = np.dstack([scene(), np.full((48, 64), 90, np.uint8)])
    options = {"crf": "10", "b": "0", "auto-alt-ref": "0"}
    path = make_clip(tmp_path / "a.webm", [image] * 2, "libvpx-vp9", "yuva420p", options)
    with VideoReader(path) as reader:
        assert reader.first_frame().format.name == "yuva420p"
