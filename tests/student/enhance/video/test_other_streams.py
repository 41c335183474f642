"""Sound, subtitles, cover art, attachments and further videos are copied, converted or named."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from tests.student.enhance.video.clip import make_clip, probe, scene
from zerokd.student.enhance.video.transcode import enhance_video

av = pytest.importorskip("av")

SUBTITLES = "1\n00:00:00,100 --> 00:00:00,200\nHello\n\n2\n00:00:00,200 --> 00:00:00,240\nWörld\n"

SUBTITLE_LINES = re.compile(r"[a-zö]+", re.IGNORECASE)


def full_clip(folder, suffix, *arguments):
    """A video with two tracks of sound, subtitles and cover art or an attachment, as ffmpeg muxes them."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    make_clip(folder / "plain.mkv", sounds=2, languages=("fra", "deu"))
    (folder / "text.srt").write_text(SUBTITLES, encoding="utf-8")
    (folder / "font.ttf").write_bytes(b"not really a font")
    Image.fromarray(scene()).save(folder / "cover.jpg")
    inputs = ["-i", folder / "plain.mkv", "-i", folder / "text.srt", "-i", folder / "cover.jpg"]
    command = [
        "ffmpeg",
        "-v",
        "error",
        *inputs,
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        *arguments,
        folder / f"a.{suffix}",
    ]
    subprocess.run([str(part) for part in command], check=True)
    return folder / f"a.{suffix}"


def mp4_clip(folder):
    cover = ("-map", "2", "-disposition:v:1", "attached_pic", "-timecode", "01:02:03:04")
    return full_clip(folder, "mp4", "-c:s", "mov_text", "-metadata:s:s:0", "language=fra", *cover)


def mkv_clip(folder):
    font = ("-attach", folder / "font.ttf", "-metadata:s:t:0", "mimetype=font/ttf")
    cover = ("-attach", folder / "cover.jpg", "-metadata:s:t:1", "mimetype=image/jpeg")
    return full_clip(folder, "mkv", "-c:s", "srt", *font, *cover, "-disposition:a:1", "hearing_impaired")


def streams_of(path):
    return [
        (stream["codec_type"], stream.get("codec_name"), stream.get("tags", {}).get("language", "und"))
        for stream in probe(path)["streams"]
    ]


def subtitle_text(path):
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:s:0", "-f", "srt", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("clip", [mp4_clip, mkv_clip])
def test_everything_stays_in_the_same_container(tmp_path, clip):
    source = clip(tmp_path)
    target = tmp_path / f"b{source.suffix}"
    assert enhance_video(source, target, np.copy).notes == ()
    assert sorted(set(streams_of(target)), key=str) == sorted(set(streams_of(source)), key=str)
    assert subtitle_text(target) == subtitle_text(source)
    before, after = ([s for s in probe(path)["streams"] if s["codec_type"] != "data"] for path in (source, target))
    for old, new in zip(before, after, strict=True):
        assert {name for name, value in old["disposition"].items() if value > new["disposition"][name]} == set()
        assert old.get("tags", {}).get("filename") == new.get("tags", {}).get("filename")
    cover = tmp_path / "found.jpg"
    with av.open(str(target)) as container:
        covers = [s for s in container.streams.video if s.disposition & av.stream.Disposition.attached_pic]
        cover.write_bytes(next(bytes(packet) for packet in container.demux(covers) if packet.size))
    assert cover.read_bytes() == (tmp_path / "cover.jpg").read_bytes()


def test_a_timecode_stays(tmp_path):
    source = mp4_clip(tmp_path)
    for suffix in ("mp4", "mov", "mkv"):
        notes = enhance_video(source, tmp_path / f"b.{suffix}", np.copy).notes
        assert "timecode" not in "".join(notes)
        stated = {
            value
            for stream in probe(tmp_path / f"b.{suffix}")["streams"]
            for key, value in stream.get("tags", {}).items()
            if key.lower() == "timecode"
        }
        assert stated == {"01:02:03:04"}


@pytest.mark.parametrize(
    ("clip", "suffix", "codec", "lost"),
    [
        (mp4_clip, "mkv", "subrip", ()),
        (mp4_clip, "webm", "webvtt", ("cover art (mjpeg)",)),
        (mkv_clip, "mp4", "mov_text", ("the attachment 'font.ttf'",)),
        (mkv_clip, "mov", "mov_text", ("the attachment 'font.ttf'", "flag 'hearing_impaired'")),
        (mkv_clip, "webm", "webvtt", ("the attachment 'font.ttf'", "cover art (mjpeg)", "flag 'hearing_impaired'")),
    ],
)
def test_text_subtitles_are_converted_and_the_rest_is_named(tmp_path, clip, suffix, codec, lost):
    source = clip(tmp_path)
    notes = "; ".join(enhance_video(source, tmp_path / f"b.{suffix}", np.copy).notes)
    assert f"its subtitles became {codec}" in notes
    result = subtitle_text(tmp_path / f"b.{suffix}")
    assert SUBTITLE_LINES.findall(result) == SUBTITLE_LINES.findall(subtitle_text(source)) != []
    for text in lost:
        assert text in notes
    languages = [language for kind, _, language in streams_of(tmp_path / f"b.{suffix}") if kind == "audio"]
    assert languages in (["fra", "deu"], ["fra", "ger"])


def test_avi_names_all_that_it_cannot_hold(tmp_path):
    notes = "; ".join(enhance_video(mkv_clip(tmp_path), tmp_path / "b.avi", np.copy).notes)
    for text in ("subtitles", "the attachment 'font.ttf'", "cover art", "tag 'language' of stream 2 (audio)"):
        assert text in notes


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "opus"), ("mp4", "aac"), ("avi", "aac")])
def test_sound_is_converted_where_it_has_to_be(tmp_path, suffix, codec):
    source = make_clip(tmp_path / "a.mp4", sounds=1)
    notes = enhance_video(source, tmp_path / f"b.{suffix}", np.copy).notes
    assert notes == ((f"its sound became {codec} (aac)",) if suffix == "webm" else ())
    (stream,) = [stream for stream in probe(tmp_path / f"b.{suffix}")["streams"] if stream["codec_type"] == "audio"]
    assert (stream["codec_name"], stream["channels"], stream["sample_rate"]) == (codec, 2, "48000")
    with av.open(str(tmp_path / f"b.{suffix}")) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert abs(len(samples) - 14400) < 3000
    assert np.abs(samples).max() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_sound_that_only_counts_its_channels_is_converted(tmp_path, suffix):
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height = 64, 48
        track = container.add_stream("adpcm_ms", rate=44100, layout="mono")
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(scene(number), format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 10180), np.int16), format="s16", layout="mono")
        sound.sample_rate, sound.pts = 44100, 0
        container.mux(track.encode(sound))
        container.mux(track.encode(None))
    notes = enhance_video(tmp_path / "a.avi", tmp_path / f"b.{suffix}", np.copy).notes
    assert notes == (f"its sound became {'mp3' if suffix == 'avi' else 'aac'} (adpcm_ms)",)
    (stream,) = [stream for stream in probe(tmp_path / f"b.{suffix}")["streams"] if stream["codec_type"] == "audio"]
    assert stream["channels"] == 1


def test_a_codec_that_only_the_header_refuses_is_converted(tmp_path):
    source = make_clip(
        tmp_path / "a.webm", codec="libvpx-vp9", options={"crf": "20", "b": "0", "deadline": "realtime"}, sounds=1
    )
    assert enhance_video(source, tmp_path / "b.mov", np.copy).notes == ("its sound became aac (opus)",)


def test_a_second_video_is_copied_and_named(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height = 64, 48
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(scene(number), format="rgb24").reformat(format="yuv420p")
            for stream in streams:
                frame.pts = number
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    assert enhance_video(tmp_path / "a.mkv", tmp_path / "b.mkv", lambda pixels: pixels // 3).notes == (
        "its second video is copied, not enhanced",
    )
    with av.open(str(tmp_path / "a.mkv")) as before, av.open(str(tmp_path / "b.mkv")) as after:
        old, new = ([bytes(packet) for packet in file.demux(video=1) if packet.size] for file in (before, after))
    assert old == new
