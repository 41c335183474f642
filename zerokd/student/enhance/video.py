"""Films: every frame enhanced, sound and subtitles copied as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zerokd.student.enhance.photo import PictureError

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
CODECS = {".webm": "libvpx-vp9"}
CODEC = "libx264"
QUALITY = {"libx264": {"crf": "18", "preset": "medium"}, "libvpx-vp9": {"crf": "24", "b": "0"}}
COPIED = ("audio", "subtitle")
COLOURS = ("colorspace", "color_range", "color_primaries", "color_trc")
SECOND = 1_000_000  # in the unit that durations of films are given in
BITS = 8


Watch = Callable[[float], None]


def enhance_film(
    source: Path,
    to: Path,
    enhance: Callable[[np.ndarray], np.ndarray],
    watch: Watch = lambda share: None,
) -> tuple[str, ...]:
    """Write a film whose every frame went through ``enhance``; returns what could not stay as it was.

    The frames keep their times, and are as many as they were; one that was filmed on its side is written upright.
    ``watch`` hears how much of it is done, where the film says how long it is.

    Raises:
        PictureError: it has no frames, is damaged, or PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise PictureError("films need PyAV: pip install 'zerokd[video]'") from None
    try:
        with av.open(str(source)) as film:
            first = next(film.decode(video=0), None) if film.streams.video else None
        if first is None:
            raise PictureError("there are no frames in it")
        with av.open(str(source)) as film, av.open(str(to), "w") as made:
            upright = round(first.rotation / 90) % 4
            return _frames(film, made, CODECS.get(source.suffix.lower(), CODEC), upright, enhance, watch)
    except av.FFmpegError as fault:
        raise PictureError(f"damaged, or of a kind that cannot be written ({fault.strerror or fault})") from fault


def _frames(
    film: Any, made: Any, codec: str, turns: int, enhance: Callable[[np.ndarray], np.ndarray], watch: Watch
) -> tuple[str, ...]:
    picture = film.streams.video[0]
    picture.thread_type = "AUTO"
    stream = _stream(made, codec, picture, turns)  # all streams before the first packet, which writes the header
    copied = {one.index: made.add_stream_from_template(one) for one in film.streams if one.type in COPIED}
    for packet in film.demux():
        if packet.stream.index in copied and packet.dts is not None:
            packet.stream = copied[packet.stream.index]
            made.mux(packet)
        for frame in packet.decode() if packet.stream is picture else ():
            made.mux(stream.encode(_enhanced(frame, turns, enhance, stream.pix_fmt)))
            if film.duration and frame.time is not None:
                watch(min(1.0, frame.time * SECOND / film.duration))
    made.mux(stream.encode(None))
    return tuple(_notes(film, picture, copied))


def _stream(made: Any, codec: str, picture: Any, turns: int) -> Any:
    """Where the frames go: upright, as players show them, and in the colours of the film."""
    stream = made.add_stream(codec, rate=picture.average_rate or 25, options=QUALITY[codec])
    size = (picture.width, picture.height)
    stream.width, stream.height = size if turns % 2 == 0 else size[::-1]
    stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"  # colours at half the size: even sides
    stream.time_base = stream.codec_context.time_base = picture.time_base
    for name in COLOURS:
        setattr(stream.codec_context, name, getattr(picture.codec_context, name))
    return stream


def _enhanced(frame: Any, turns: int, enhance: Callable[[np.ndarray], np.ndarray], pixels_are: str) -> Any:
    pixels = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
    bright = type(frame).from_ndarray(enhance(pixels), format="rgb24")
    fresh = bright.reformat(format=pixels_are, dst_colorspace=frame.colorspace, dst_color_range=frame.color_range)
    fresh.pts, fresh.time_base = frame.pts, frame.time_base
    return fresh


def _notes(film: Any, picture: Any, copied: dict[int, Any]) -> Iterator[str]:
    others = sorted({one.type for one in film.streams if one is not picture and one.index not in copied})
    if others:
        yield f"left out: {', '.join(others)}"
    depth = max(part.bits for part in picture.format.components)
    if depth > BITS:
        yield f"{depth} bits became {BITS}"
