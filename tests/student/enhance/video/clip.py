"""Small videos that tests write, and what ffprobe says about a video."""

import json
import shutil
import struct
import subprocess
from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av")

WIDTH, HEIGHT = 64, 48
UPRIGHT = (1, 0, 0, 1)


def scene(number=0, size=(WIDTH, HEIGHT)):
    """A smooth image with two blocks; none of its turns and flips is like another."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([40 + columns * 90 / width, 50 + rows * 80 / height, np.full(rows.shape, 70 + 3 * number)], -1)
    pixels[: height // 3, : width // 4], pixels[height // 2 :, width * 5 // 8 :] = (150, 60, 50), (50, 120, 140)
    return pixels.astype(np.uint8)


def make_clip(
    path,
    images=None,
    codec="libx264",
    pixel_format="yuv420p",
    options=None,
    times=None,
    rate=25,
    sounds=0,
    tags=(),
    languages=(),
    change_stream=lambda stream: None,
    change_frame=lambda frame: frame,
    change_container=lambda container: None,
    muxer=None,
):
    """Write images (H, W, 3 or 4) as a video; ``times`` in seconds, ``sounds`` in tracks of 0.3 s."""
    images = [scene(number) for number in range(6)] if images is None else images
    unit = Fraction(1, 1000) if times else 1 / Fraction(rate)
    with av.open(f"file:{path}", "w", format=muxer) as container:
        container.metadata.update(dict(tags))
        video = container.add_stream(codec, rate=rate, options={"crf": "4"} if options is None else options)
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt, video.time_base, video.codec_context.time_base = pixel_format, unit, unit
        change_stream(video)
        tracks = [
            container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000) for _ in range(sounds)
        ]
        for track, language in zip(tracks, languages, strict=False):
            track.metadata["language"] = language
        change_container(container)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
            frame = frame.reformat(format=pixel_format, dst_colorspace=video.codec_context.colorspace)
            frame.pts, frame.time_base = round(times[number] / unit) if times else number, unit
            container.mux(video.encode(change_frame(frame)))
        container.mux(video.encode(None))
        for track in tracks:
            add_sound(container, track)
    return path


def add_sound(container, track, start=0, samples=14400):
    wave = np.sin(np.arange(samples) / 20).astype(np.float32) * 0.2
    frame = av.AudioFrame.from_ndarray(np.stack([wave] * 2), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
    container.mux(track.encode(frame))
    container.mux(track.encode(None))


def set_matrix(path, signs, size=(WIDTH, HEIGHT)):
    """Write a display matrix into the header of an MP4: x' = a x + c y, y' = b x + d y."""
    a, b, c, d = (sign << 16 for sign in signs)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, size[0] << 16, size[1] << 16, 1 << 30)
    path.write_bytes(data)
    return path


def read_frames(path):
    """Time and pixels of each frame."""
    with av.open(f"file:{path}") as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def probe(path, *arguments):
    """What ffprobe says: {"format": ..., "streams": ..., "chapters": ...}, and frames if they are requested."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", *arguments]
    return json.loads(subprocess.run([*command, f"file:{path}"], capture_output=True, check=True).stdout)


def probe_video(path, *arguments):
    """What ffprobe says about the first video stream."""
    return next(stream for stream in probe(path, *arguments)["streams"] if stream["codec_type"] == "video")


def level_difference(first, second):
    """The mean difference of two images, in levels of 255."""
    return float(np.abs(first.astype(int) - second).mean())
