"""Everything in a file except the enhanced frames: sound, subtitles, cover art, attachments; copied or converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from io import BytesIO
from typing import Any

import av
from attrs import evolve, field, frozen

from zerokd.student.enhance.video.description import copy_tags
from zerokd.student.enhance.video.formats import Container
from zerokd.student.enhance.video.reader import is_cover

TEXT_SUBTITLES = ("mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text")
IMAGE_TYPES = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
STREAM_NOUNS = {"audio": "sound", "subtitle": "subtitles", "video": "a further video", "data": "data"}
LAYOUTS = ("mono", "stereo", "2.1", "quad", "5.0", "5.1", "6.1", "7.1")  # by the number of channels
MAX_CHANNELS = {"libmp3lame": 2}
ATTACHMENT_DISPOSITION = av.stream.Disposition.attached_pic


@frozen(eq=False)
class StreamCopy:
    """Where the packets of a stream go.

    Attributes:
        index: of the stream in the output; None if there is none, or it is no track (cover art, an attachment).
        write: takes each packet; None at the end.
        note: what changes; empty for a copy.
    """

    index: int | None
    write: Callable[[Any], None] = field(default=lambda packet: None)
    note: str = ""


def add_other_streams(
    source: Any,
    video: Any,
    target: Any,
    container: Container,
    covers: Mapping[int, bytes],
    start: Fraction = Fraction(0),
) -> dict[int, StreamCopy]:
    """Add a stream to an output for each stream of the source except ``video``, by its index in the source.

    Args:
        source, target: PyAV containers; the target has no packets yet.
        covers: the image files of cover art, by stream index.
        start: the time in seconds that becomes 0.
    """
    streams = (stream for stream in source.streams if stream is not video)
    copies = {stream.index: _add_stream(stream, target, container, covers) for stream in streams}
    return {index: evolve(copy, write=partial(_write_later, copy.write, start)) for index, copy in copies.items()}


def _write_later(write: Callable[[Any], None], start: Fraction, packet: Any) -> None:
    if packet is not None and start and packet.time_base:
        shift = round(start / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
    write(packet)


def _add_stream(stream: Any, target: Any, container: Container, covers: Mapping[int, bytes]) -> StreamCopy:
    if is_cover(stream):
        return _add_cover(stream, target, container, covers.get(stream.index, b""))
    if stream.type == "attachment":
        return _add_attachment(stream, target, container)
    if stream.type == "data" and _is_stated_elsewhere(stream, container):
        return StreamCopy(None)
    if stream.type not in ("audio", "subtitle", "video") or stream.codec_context is None:
        return _leave_out(stream)
    if not _can_copy(stream, container):
        if stream.type == "audio":
            return _convert_audio(stream, target, container)
        is_text = stream.codec_context.name in TEXT_SUBTITLES
        return _convert_subtitles(stream, target, container) if is_text else _leave_out(stream)
    output = target.add_stream_from_template(stream, opaque=True)
    _copy_description(stream, output, container)
    note = "its second video is copied, not enhanced" if stream.type == "video" else ""
    return StreamCopy(output.index, _PacketCopier(output, target).write, note)


def _is_stated_elsewhere(stream: Any, container: Container) -> bool:
    """Whether a data stream repeats a tag or chapters: QuickTime has tracks for timecodes and for chapters' titles."""
    is_quicktime = stream.container.format.name.startswith("mov")
    has_chapters = container.holds_chapters and bool(stream.container.chapters())
    return is_quicktime and ("timecode" in stream.metadata or has_chapters)


def _can_copy(stream: Any, container: Container) -> bool:
    """Whether a container takes a stream as it is. Only writing a header shows it: FFmpeg's tables name too many."""
    is_listed = stream.codec_context.name.startswith(container.copied_audio) or not container.copied_audio
    if stream.type == "audio" and not is_listed:
        return False
    try:
        with av.open(BytesIO(), "w", format=container.muxer) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _copy_description(stream: Any, output: Any, container: Container) -> None:
    output.metadata.update(copy_tags(stream.metadata, container))
    output.disposition = stream.disposition


def _leave_out(stream: Any, noun: str = "") -> StreamCopy:
    name = stream.codec_context.name if stream.codec_context else ""
    noun = noun or STREAM_NOUNS.get(stream.type, stream.type)
    return StreamCopy(None, note=f"left out: {noun} ({name})" if name else f"left out: {noun}")


def _add_cover(stream: Any, target: Any, container: Container, image: bytes) -> StreamCopy:
    if not container.holds_covers or not image or not (container.holds_attachments or _can_copy(stream, container)):
        return _leave_out(stream, "cover art")
    if container.holds_attachments:
        name, mime_type = IMAGE_TYPES.get(stream.codec_context.name, ("cover", "application/octet-stream"))
        tags = {key.lower(): value for key, value in stream.metadata.items()}
        target.add_attachment(tags.get("filename", name), tags.get("mimetype", mime_type), image)
        return StreamCopy(None)
    output = target.add_stream_from_template(stream, opaque=True)
    output.disposition = ATTACHMENT_DISPOSITION

    def write(packet: Any) -> None:
        if packet is None:  # some containers give the image no time: it is written at the end
            cover = av.Packet(image)
            cover.stream, cover.time_base, cover.pts, cover.dts, cover.is_keyframe = (
                output,
                output.time_base,
                0,
                0,
                True,
            )
            target.mux(cover)

    return StreamCopy(None, write)


def _add_attachment(stream: Any, target: Any, container: Container) -> StreamCopy:
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    name = tags.get("filename", "attachment")
    if not container.holds_attachments:
        return StreamCopy(None, note=f"left out: the attachment {name!r}")
    target.add_attachment(name, tags.get("mimetype", "application/octet-stream"), stream.data)
    return StreamCopy(None)


class _PacketCopier:
    """Writes packets as they are, with times that a container accepts."""

    def __init__(self, output: Any, target: Any):
        self._output, self._target = output, target
        self._last: int | None = None

    def write(self, packet: Any) -> None:
        """Write a packet; None and a packet without data are the end."""
        if packet is None or not packet.size or (packet.dts is None and packet.pts is None):
            return
        if packet.pts is None and packet.stream.type != "video":  # AVI has one time for each packet
            packet.pts = packet.dts
        if packet.dts is not None:  # Matroska has none for the first frames, and muxers choose them
            if self._last is not None and packet.dts <= self._last:  # a damaged file repeats times
                packet.dts = self._last + 1
                packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
            self._last = packet.dts
        packet.stream = self._output
        self._target.mux(packet)


def _convert_audio(stream: Any, target: Any, container: Container) -> StreamCopy:
    encoder = av.codec.Codec(container.audio_encoder, "w")
    rates = encoder.audio_rates
    rate = stream.rate if not rates or stream.rate in rates else min(rates, key=lambda other: abs(other - stream.rate))
    output = target.add_stream(container.audio_encoder, rate=rate)
    channels = min(stream.layout.nb_channels, MAX_CHANNELS.get(container.audio_encoder, len(LAYOUTS)))
    output.codec_context.layout = LAYOUTS[channels - 1]  # some files only count channels
    _copy_description(stream, output, container)

    def write(packet: Any) -> None:
        try:
            frames = stream.codec_context.decode(packet if packet is not None and packet.size else None)
        except av.FFmpegError:  # a damaged packet is silence
            frames = []
        for frame in frames:
            target.mux(output.encode(frame))
        if packet is None:
            target.mux(output.encode(None))

    note = f"its sound became {output.codec_context.codec.canonical_name} ({stream.codec_context.name})"
    note += f" with {channels} of {stream.layout.nb_channels} channels" if channels < stream.layout.nb_channels else ""
    return StreamCopy(output.index, write, note)


def _convert_subtitles(stream: Any, target: Any, container: Container) -> StreamCopy:
    if not container.subtitle_encoder:
        return _leave_out(stream)
    output = target.add_stream(container.subtitle_encoder)
    stream.codec_context.open(strict=False)  # which makes the header that encoders need
    output.codec_context.subtitle_header = stream.codec_context.subtitle_header
    output.time_base = output.codec_context.time_base = stream.time_base
    _copy_description(stream, output, container)

    def write(packet: Any) -> None:
        subtitles = None if packet is None or packet.pts is None else stream.codec_context.decode2(packet)
        if subtitles is not None and len(subtitles):
            converted = output.codec_context.encode_subtitle(subtitles)
            converted.stream, converted.time_base = output, packet.time_base
            converted.pts = converted.dts = packet.pts
            converted.duration = packet.duration
            target.mux(converted)

    note = f"its subtitles became {container.subtitle_encoder} ({stream.codec_context.name})"
    return StreamCopy(output.index, write, note)
