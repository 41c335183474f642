"""Videos: every frame enhanced, sound and subtitles copied as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zerokd.files.photo import MediaError

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
CODEC_BY_SUFFIX = {".webm": "libvpx-vp9"}
DEFAULT_CODEC = "libx264"
CODEC_OPTIONS = {"libx264": {"crf": "18", "preset": "medium"}, "libvpx-vp9": {"crf": "24", "b": "0"}}
COPIED_STREAM_TYPES = ("audio", "subtitle")
COLOUR_PROPERTIES = ("colorspace", "color_range", "color_primaries", "color_trc")
MICROSECONDS_PER_SECOND = 1_000_000  # the unit of a container's duration
OUTPUT_BIT_DEPTH = 8

PixelFunction = Callable[[np.ndarray], np.ndarray]
ProgressCallback = Callable[[float], None]


def enhance_video(
    source: Path, target: Path, enhance: PixelFunction, report_progress: ProgressCallback = lambda fraction: None
) -> tuple[str, ...]:
    """Write a video with every frame enhanced; frames keep their number and times, and are written upright.

    Args:
        enhance: maps the pixels of a frame, (H, W, 3) uint8, to new ones.
        report_progress: called with the fraction that is done, in [0, 1], if the video declares its duration.

    Returns:
        What the result lacks.

    Raises:
        MediaError: the video has no frames, is damaged, or PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise MediaError("videos need PyAV: pip install 'zerokd[video]'") from None
    codec = CODEC_BY_SUFFIX.get(source.suffix.lower(), DEFAULT_CODEC)
    try:
        with av.open(str(source)) as container:
            frame = next(container.decode(video=0), None) if container.streams.video else None
        if frame is None:
            raise MediaError("it has no frames")
        quarter_turns = round(frame.rotation / 90) % 4
        with av.open(str(source)) as container, av.open(str(target), "w") as output:
            return _transcode(container, output, codec, quarter_turns, enhance, report_progress)
    except av.FFmpegError as error:
        raise MediaError(f"damaged, or of a kind that cannot be written ({error.strerror or error})") from error


def _transcode(
    input_container: Any,
    output_container: Any,
    codec: str,
    quarter_turns: int,
    enhance: PixelFunction,
    report_progress: ProgressCallback,
) -> tuple[str, ...]:
    video = input_container.streams.video[0]
    video.thread_type = "AUTO"
    # all streams before the first packet, which writes the header
    output_video = _add_video_stream(output_container, codec, video, quarter_turns)
    copied_streams = {
        stream.index: output_container.add_stream_from_template(stream)
        for stream in input_container.streams
        if stream.type in COPIED_STREAM_TYPES
    }
    for packet in input_container.demux():
        if packet.stream.index in copied_streams and packet.dts is not None:
            packet.stream = copied_streams[packet.stream.index]
            output_container.mux(packet)
        for frame in packet.decode() if packet.stream is video else ():
            enhanced = _enhance_frame(frame, quarter_turns, enhance, output_video.pix_fmt)
            output_container.mux(output_video.encode(enhanced))
            if input_container.duration and frame.time is not None:
                report_progress(min(1.0, frame.time * MICROSECONDS_PER_SECOND / input_container.duration))
    output_container.mux(output_video.encode(None))
    return tuple(_describe_losses(input_container, video, copied_streams))


def _add_video_stream(output_container: Any, codec: str, input_stream: Any, quarter_turns: int) -> Any:
    """The stream of enhanced frames: upright, as players show them, with the colour properties of the input."""
    stream = output_container.add_stream(codec, rate=input_stream.average_rate or 25, options=CODEC_OPTIONS[codec])
    size = (input_stream.width, input_stream.height)
    stream.width, stream.height = size if quarter_turns % 2 == 0 else size[::-1]
    stream.pix_fmt = "yuv420p" if size[0] % 2 == size[1] % 2 == 0 else "yuv444p"  # colours at half the size: even sides
    stream.time_base = stream.codec_context.time_base = input_stream.time_base
    for name in COLOUR_PROPERTIES:
        setattr(stream.codec_context, name, getattr(input_stream.codec_context, name))
    return stream


def _enhance_frame(frame: Any, quarter_turns: int, enhance: PixelFunction, pixel_format: str) -> Any:
    pixels = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns))
    enhanced = type(frame).from_ndarray(enhance(pixels), format="rgb24")
    output = enhanced.reformat(format=pixel_format, dst_colorspace=frame.colorspace, dst_color_range=frame.color_range)
    output.pts, output.time_base = frame.pts, frame.time_base
    return output


def _describe_losses(input_container: Any, input_stream: Any, copied_streams: dict[int, Any]) -> Iterator[str]:
    dropped = sorted(
        {
            stream.type
            for stream in input_container.streams
            if stream is not input_stream and stream.index not in copied_streams
        }
    )
    if dropped:
        yield f"left out: {', '.join(dropped)}"
    depth = max(part.bits for part in input_stream.format.components)
    if depth > OUTPUT_BIT_DEPTH:
        yield f"{depth} bits became {OUTPUT_BIT_DEPTH}"
