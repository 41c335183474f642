"""Films: every frame enhanced, sound and subtitles copied as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zerokd.student.enhance.photo import MediaError

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
CODEC_BY_SUFFIX = {".webm": "libvpx-vp9"}
DEFAULT_CODEC = "libx264"
CODEC_OPTIONS = {"libx264": {"crf": "18", "preset": "medium"}, "libvpx-vp9": {"crf": "24", "b": "0"}}
COPIED_STREAM_TYPES = ("audio", "subtitle")
COLOUR_PROPERTIES = ("colorspace", "color_range", "color_primaries", "color_trc")
MICROSECONDS_PER_SECOND = 1_000_000  # in the unit that durations of films are given in
OUTPUT_BIT_DEPTH = 8


ProgressCallback = Callable[[float], None]


def enhance_video(
    source: Path,
    target: Path,
    enhance: Callable[[np.ndarray], np.ndarray],
    report_progress: ProgressCallback = lambda share: None,
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
        raise MediaError("films need PyAV: pip install 'zerokd[video]'") from None
    try:
        with av.open(str(source)) as film:
            first = next(film.decode(video=0), None) if film.streams.video else None
        if first is None:
            raise MediaError("there are no frames in it")
        with av.open(str(source)) as film, av.open(str(target), "w") as made:
            upright = round(first.rotation / 90) % 4
            return _transcode(
                film, made, CODEC_BY_SUFFIX.get(source.suffix.lower(), DEFAULT_CODEC), upright, enhance, report_progress
            )
    except av.FFmpegError as error:
        raise MediaError(f"damaged, or of a kind that cannot be written ({error.strerror or error})") from error


def _transcode(
    input_container: Any,
    output_container: Any,
    codec: str,
    quarter_turns: int,
    enhance: Callable[[np.ndarray], np.ndarray],
    report_progress: ProgressCallback,
) -> tuple[str, ...]:
    picture = input_container.streams.video[0]
    picture.thread_type = "AUTO"
    stream = _add_video_stream(
        output_container, codec, picture, quarter_turns
    )  # all streams before the first packet, which writes the header
    copied = {
        one.index: output_container.add_stream_from_template(one)
        for one in input_container.streams
        if one.type in COPIED_STREAM_TYPES
    }
    for packet in input_container.demux():
        if packet.stream.index in copied and packet.dts is not None:
            packet.stream = copied[packet.stream.index]
            output_container.mux(packet)
        for frame in packet.decode() if packet.stream is picture else ():
            output_container.mux(stream.encode(_enhance_frame(frame, quarter_turns, enhance, stream.pix_fmt)))
            if input_container.duration and frame.time is not None:
                report_progress(min(1.0, frame.time * MICROSECONDS_PER_SECOND / input_container.duration))
    output_container.mux(stream.encode(None))
    return tuple(_describe_losses(input_container, picture, copied))


def _add_video_stream(output_container: Any, codec: str, input_stream: Any, quarter_turns: int) -> Any:
    """Where the frames go: upright, as players show them, and in the colours of the film."""
    stream = output_container.add_stream(codec, rate=input_stream.average_rate or 25, options=CODEC_OPTIONS[codec])
    size = (input_stream.width, input_stream.height)
    stream.width, stream.height = size if quarter_turns % 2 == 0 else size[::-1]
    stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"  # colours at half the size: even sides
    stream.time_base = stream.codec_context.time_base = input_stream.time_base
    for name in COLOUR_PROPERTIES:
        setattr(stream.codec_context, name, getattr(input_stream.codec_context, name))
    return stream


def _enhance_frame(
    frame: Any, quarter_turns: int, enhance: Callable[[np.ndarray], np.ndarray], pixel_format: str
) -> Any:
    pixels = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns))
    bright = type(frame).from_ndarray(enhance(pixels), format="rgb24")
    fresh = bright.reformat(format=pixel_format, dst_colorspace=frame.colorspace, dst_color_range=frame.color_range)
    fresh.pts, fresh.time_base = frame.pts, frame.time_base
    return fresh


def _describe_losses(input_container: Any, input_stream: Any, copied_streams: dict[int, Any]) -> Iterator[str]:
    others = sorted(
        {
            stream.type
            for stream in input_container.streams
            if stream is not input_stream and stream.index not in copied_streams
        }
    )
    if others:
        yield f"left out: {', '.join(others)}"
    depth = max(part.bits for part in input_stream.format.components)
    if depth > OUTPUT_BIT_DEPTH:
        yield f"{depth} bits became {OUTPUT_BIT_DEPTH}"
