"""Films: as many frames as before, at the same times, upright, with the sound as it was."""

import struct
from fractions import Fraction

import numpy as np
import pytest

from zerokd.files.photo import MediaError
from zerokd.student.enhance.video import enhance_video

av = pytest.importorskip("av")


def film(path, size=(64, 48), frames=9, sound=True, codec="libx264"):
    with av.open(str(path), "w") as made:
        picture = made.add_stream(codec, rate=Fraction(30000, 1001))
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        if sound:
            audio = made.add_stream("aac", rate=48000)
        for number in range(frames):
            pixels = np.full((size[1], size[0], 3), 20 + 5 * number, np.uint8)
            pixels[: size[1] // 2] //= 2
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            made.mux(picture.encode(frame))
        made.mux(picture.encode(None))
        if sound:
            for start in range(0, 1024 * 14, 1024):
                wave = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32) * 0.2
                heard = av.AudioFrame.from_ndarray(np.stack([wave] * 2), format="fltp", layout="stereo")
                heard.sample_rate, heard.pts = 48000, start
                made.mux(audio.encode(heard))
            made.mux(audio.encode(None))
    return path


def seen(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def heard(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def brighter(pixels):
    return (pixels + 40).astype(np.uint8)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_frames_times_and_sound(tmp_path, ending):
    source, to = film(tmp_path / f"a.{ending}"), tmp_path / f"b.{ending}"
    assert enhance_video(source, to, brighter) == ()
    before, after = seen(source), seen(to)
    assert len(after) == len(before) == 9
    assert np.allclose([time for time, _ in after], [time for time, _ in before], atol=2e-3)
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert abs((new.astype(int) - old).mean() - 40) <= 1.5  # both were compressed
    assert heard(to) == heard(source) != []


@pytest.mark.parametrize("standard", [1, 5])  # BT.709, BT.601
def test_colours_stay_whatever_the_film_calls_them(tmp_path, standard):
    bands = np.repeat(np.array([[200, 30, 20], [20, 180, 60], [30, 40, 190]], np.uint8), 32, axis=0)
    pixels = np.broadcast_to(bands, (64, 96, 3)).copy()
    with av.open(str(tmp_path / "a.mp4"), "w") as made:
        picture = made.add_stream("libx264", rate=25, options={"crf": "4"})
        picture.width, picture.height, picture.pix_fmt = 96, 64, "yuv420p"
        picture.codec_context.colorspace, picture.codec_context.color_range = standard, 1
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p", dst_colorspace=standard)
        frame.pts = 0
        made.mux(picture.encode(frame))
        made.mux(picture.encode(None))
    enhance_video(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda pixels: pixels)
    with av.open(str(tmp_path / "b.mp4")) as container:
        frame = next(container.decode(video=0))
    assert frame.colorspace == standard
    for x, colour in ((16, bands[0]), (48, bands[40]), (80, bands[80])):
        assert np.abs(frame.to_ndarray(format="rgb24")[32, x].astype(int) - colour).max() <= 6


def test_what_was_filmed_on_its_side_is_written_upright(tmp_path):
    source = film(tmp_path / "a.mp4", sound=False)  # its upper half is darker
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)  # a quarter clockwise
    source.write_bytes(data)
    enhance_video(source, tmp_path / "b.mp4", lambda pixels: pixels)
    frame = seen(tmp_path / "b.mp4")[0][1]
    assert frame.shape == (64, 48, 3)
    assert frame[:, 36:].mean() < frame[:, :12].mean() - 5  # what was above is on the right


def test_how_much_is_done_is_told(tmp_path):
    shares = []
    enhance_video(film(tmp_path / "a.mp4"), tmp_path / "b.mp4", lambda pixels: pixels, shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 9
    assert shares[-1] <= 1


def test_frames_go_in_pixels_of_rgb(tmp_path):
    shapes = []
    enhance_video(
        film(tmp_path / "a.mp4", sound=False), tmp_path / "b.mp4", lambda pixels: shapes.append(pixels.shape) or pixels
    )
    assert shapes == [(48, 64, 3)] * 9


def test_no_frames_no_picture_and_damage_are_told(tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "empty.mp4").write_bytes(b"")
    whole = film(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    with av.open(str(tmp_path / "sound.mp4"), "w") as made:
        audio = made.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        made.mux(audio.encode(frame))
        made.mux(audio.encode(None))
    for name in ("text", "empty", "cut", "sound"):
        with pytest.raises(MediaError, match=r"damaged|no frames"):
            enhance_video(tmp_path / f"{name}.mp4", tmp_path / "b.mp4", brighter)
