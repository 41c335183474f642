"""Writing a video: the container, its tags, and the stream of frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from zerokd.student.enhance.video.description import (
    copy_tags,
    read_content_light_level,
    read_mastering_display,
    select_tags,
)
from zerokd.student.enhance.video.formats import AV1, Container, Encoder
from zerokd.student.enhance.video.frame_plan import FramePlan
from zerokd.student.enhance.video.frames import (
    BT709,
    FULL_RANGE,
    LIMITED_RANGE,
    UNSPECIFIED,
    FrameFilter,
    read_side_data,
)
from zerokd.student.enhance.video.reader import METADATA_ERRORS, file_url

INTERLACED_FLAGS = av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
CHROMATICITY_UNIT, LUMINANCE_UNIT = 50_000, 10_000  # of H.265's SEI, for each unit of CIE xy and candela
MAX_FIXED_RATE = 240  # frames in a second


def open_output(path: Path, container: Container, tags: Mapping[str, str]) -> Any:
    """A PyAV container that writes a file with the tags of another."""
    selected = select_tags(tags)
    options = {"avoid_negative_ts": "disabled"} if container.has_fixed_rate else {}  # that would move all frames
    if container.known_tags is not None and not container.known_tags.issuperset(selected):
        options["movflags"] = "use_metadata_tags"
    output = av.open(
        file_url(path), "w", format=container.muxer, container_options=options, metadata_errors=METADATA_ERRORS
    )
    output.metadata.update(copy_tags(tags, container))
    return output


def open_frame_stream(output: Any, source: Any, plan: FramePlan, container: Container) -> FrameStream:
    """Add the stream of enhanced frames to an output, with what the source says about its own.

    Args:
        source: the PyAV stream of the frames before.
    """
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 writes its configuration to standard error
    encoder, kind, encoding = plan.format.encoder, plan.format.kind, plan.format.encoding
    rate = source.average_rate or Fraction(25)
    if container.has_fixed_rate and source.guessed_rate and source.guessed_rate <= MAX_FIXED_RATE:
        rate = source.guessed_rate
    stream = output.add_stream(encoder.name, rate=rate, options=_encoder_options(encoder, plan))
    context = stream.codec_context
    context.thread_type = "AUTO"  # whole frames, so that it encodes while the next one is decoded and enhanced
    stream.width, stream.height, stream.pix_fmt = kind.width, kind.height, encoding.pixel_format
    stream.time_base = context.time_base = 1 / rate if container.has_fixed_rate else source.time_base
    if encoder.codec_tag and container.muxer in ("mp4", "mov"):
        context.codec_tag = encoder.codec_tag
    _copy_colours(context, plan, container)
    if kind.is_interlaced:
        context.flags |= INTERLACED_FLAGS
        context.field_order = source.codec_context.field_order
    if plan.pixel_aspect is not None:
        context.sample_aspect_ratio = plan.pixel_aspect
    stream.metadata.update(copy_tags(source.metadata, container))
    stream.disposition = source.disposition
    start = plan.first_time if container.has_fixed_rate else Fraction(0)
    return FrameStream(output, stream, plan.join_filters, start)


def _copy_colours(context: Any, plan: FramePlan, container: Container) -> None:
    for name in ("color_primaries", "color_trc", "colorspace", "color_range"):
        setattr(context, name, getattr(plan.first_frame, name))
    if not container.states_colours:
        context.colorspace, context.color_range = UNSPECIFIED, LIMITED_RANGE
    elif plan.first_frame.format.is_rgb:
        context.colorspace, context.color_range = BT709, LIMITED_RANGE
    elif plan.format.encoding.has_full_range:
        context.color_range = FULL_RANGE


def _encoder_options(encoder: Encoder, plan: FramePlan) -> dict[str, str]:
    parameters = [*encoder.parameters, *_hdr_parameters(encoder, plan.first_frame)]
    if plan.first_field in encoder.field_parameters:
        parameters.append(encoder.field_parameters[plan.first_field])
    options = dict(encoder.options)
    return options | {encoder.parameter_option: ":".join(parameters)} if parameters else options


def _hdr_parameters(encoder: Encoder, frame: Any) -> list[str]:
    """The HDR metadata of a frame as an encoder's own parameters."""
    parameters: list[str] = []
    if encoder.hdr_names is None:
        return parameters
    display, light = read_side_data(frame, "MASTERING_DISPLAY_METADATA"), read_side_data(frame, "CONTENT_LIGHT_LEVEL")
    if display is not None:
        parameters.append(f"{encoder.hdr_names[0]}={_format_display(display, encoder)}")
    if light is not None:
        parameters.append(f"{encoder.hdr_names[1]}={','.join(map(str, read_content_light_level(light)))}")
    return parameters


def _format_display(data: bytes, encoder: Encoder) -> str:
    """A mastering display as encoders read it: green, blue, red, white, then the greatest and least luminance."""
    values = read_mastering_display(data)
    if encoder.name == AV1.name:
        texts = [f"{float(value):.5f}" for value in values]
    else:
        texts = [str(round(value * CHROMATICITY_UNIT)) for value in values[:8]]
        texts += [str(round(value * LUMINANCE_UNIT)) for value in values[8:]]
    red, green, blue, white = (f"({x},{y})" for x, y in zip(texts[:8:2], texts[1:8:2], strict=True))
    return f"G{green}B{blue}R{red}WP{white}L({texts[9]},{texts[8]})"


class FrameStream:
    """The enhanced frames of an output: encodes frames at their times after ``start`` and keeps their durations.

    Attributes:
        times: of the frames so far, in seconds.
        index: of the stream in the output.
    """

    def __init__(self, output: Any, stream: Any, join_filters: Sequence[str] = (), start: Fraction = Fraction(0)):
        self.times: list[float] = []
        self.index = stream.index
        self._output, self._stream, self._start = output, stream, start
        self._join = FrameFilter(join_filters)
        self._durations: dict[int, int] = {}
        self._last: int | None = None

    def write(self, frame: Any, time: Fraction, duration: Fraction) -> None:
        """Encode a frame that is shown at ``time`` for ``duration``, both in seconds; 0 if that is not known."""
        unit = self._stream.codec_context.time_base
        pts = round((time - self._start) / unit)
        frame.pts = pts if self._last is None else max(pts, self._last + 1)
        frame.time_base, self._last = unit, frame.pts
        self._durations[frame.pts] = round(duration / unit)
        self.times.append(float(time))
        for whole in self._join(frame):
            self._mux(self._stream.encode(whole))

    def finish(self) -> None:
        """Write the frames that the encoder still holds."""
        self._mux(self._stream.encode(None))

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            duration = self._durations.pop(packet.pts, 0)
            if duration:
                packet.duration = duration
            self._output.mux(packet)
