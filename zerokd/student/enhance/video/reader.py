"""Reading a video: packets, the frames that decode, and the number of those that do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from attrs import frozen

from zerokd.files.photo import MediaError

# A file's content decides what reads it. Only formats that hold all data themselves are tried: a playlist names others.
INPUT_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,asf,ogg",
    "protocol_whitelist": "file",
}
METADATA_ERRORS = "surrogateescape"  # tags that are not UTF-8 are copied as they are
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own ignore alpha
DURATION_TEXT = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
GAP_STEPS = 1.5  # of the usual duration: a longer step between two frames is a gap


def file_url(path: Path) -> str:
    """A name that FFmpeg takes for a file, whatever is in it: ``12:30:05.mp4`` has no protocol ``12``."""
    return f"file:{path}"


def open_input(path: Path) -> Any:
    """A PyAV container that reads a file.

    Raises:
        av.FFmpegError: it is not a video.
    """
    return av.open(file_url(path), container_options=INPUT_OPTIONS, metadata_errors=METADATA_ERRORS)


def is_cover(stream: Any) -> bool:
    """Whether a stream is cover art: a single image."""
    return stream.type == "video" and bool(stream.disposition & av.stream.Disposition.attached_pic)


def find_video_stream(container: Any) -> Any:
    """The video of a container: the default one, else the first; cover art is none.

    Raises:
        MediaError: there is no video, or none that FFmpeg decodes.
    """
    streams = [stream for stream in container.streams.video if not is_cover(stream) and stream.codec_context]
    default = av.stream.Disposition.default
    video = next((stream for stream in streams if stream.disposition & default), next(iter(streams), None))
    if video is None:
        raise MediaError("it has no frames")
    return video


@frozen
class PacketScan:
    """What a file's packets declare, without decoding them.

    Attributes:
        times: by stream index, of each packet in seconds, in the order of the file.
        covers: by stream index, the image files of cover art.
        has_errors: the container is damaged or ends early.
    """

    times: Mapping[int, Sequence[float]]
    covers: Mapping[int, bytes]
    has_errors: bool


def scan_packets(path: Path) -> PacketScan:
    """Read all packets of a file. No decoder may run meanwhile: it could wait for ever.

    The errors of a container are only logged, and PyAV's log needs the lock of the interpreter, which may be held by
    the thread that waits for a decoder's.

    Raises:
        av.FFmpegError: it is not a video.
    """
    times: dict[int, list[float]] = {}
    covers: dict[int, bytes] = {}
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as errors, open_input(path) as container:
            errors.clear()  # of the decoders that guess a stream's properties
            with suppress(av.FFmpegError):
                for packet in container.demux():
                    if is_cover(packet.stream) and packet.size:
                        covers[packet.stream.index] = bytes(packet)
                    time = packet.pts if packet.pts is not None else packet.dts
                    if packet.size and time is not None and not packet.is_discard:
                        times.setdefault(packet.stream.index, []).append(float(time * packet.time_base))
                return PacketScan(times, covers, bool(errors) or ends_in_riff_chunk(path))
            return PacketScan(times, covers, True)
    finally:
        av.logging.set_level(level)


def ends_in_riff_chunk(path: Path) -> bool:
    """Whether an AVI is cut: the one container whose end FFmpeg does not miss. False for other files."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as file:
        while start < size:
            file.seek(start)
            head = file.read(8)
            length = int.from_bytes(head[4:], "little")
            if head[:4] != b"RIFF" or not length:  # a recorder that was switched off leaves 0
                return False
            start += 8 + length + length % 2
    return start > size + 1  # the last byte may be padding


def usual_step(times: Sequence[float]) -> float:
    """The median time between two packets in seconds; 0 for fewer than two."""
    steps = [step for step in np.diff(sorted(times)) if step > 0]
    return float(np.median(steps)) if steps else 0.0


def count_missing(times: Sequence[float]) -> int:
    """The packets that are missing from a sequence, judged by its usual step; ``times`` in seconds, in any order."""
    usual, steps = usual_step(times), np.diff(sorted(times))
    return sum(round(step / usual) - 1 for step in steps if step > GAP_STEPS * usual)


class VideoReader:
    """An open video. It counts the frames that it decodes, and those that are damaged.

    Attributes:
        container, video: the PyAV container and the stream of frames.
        frame_count: frames so far.
        damaged_count: of these, frames that decoded with errors.
    """

    def __init__(self, path: Path, in_threads: bool = True):
        self.container = open_input(path)
        self.frame_count = self.damaged_count = 0
        self._has_errors = False
        try:
            self.video = find_video_stream(self.container)
        except MediaError:
            self.container.close()
            raise
        self._decoder = self._create_decoder(in_threads)
        self._last_time: int | None = None

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.container.close()

    def _create_decoder(self, in_threads: bool) -> Any:
        context = self.video.codec_context
        name = ALPHA_DECODERS.get(context.name)
        tags = {key.lower(): value for key, value in self.video.metadata.items()}
        if name is None or tags.get("alpha_mode") != "1":
            context.thread_type = "AUTO" if in_threads else "NONE"
            return context
        decoder = av.CodecContext.create(name, "r")
        decoder.extradata = context.extradata
        return decoder

    def read_packets(self) -> Iterator[Any]:
        """All packets; a container that is damaged ends early, with a packet that flushes the decoder."""
        try:
            yield from self.container.demux()
        except av.FFmpegError:
            self._has_errors = True
            yield None

    def decode(self, packet: Any) -> Iterator[Any]:
        """The frames of a packet of the video; None, and a packet without data, flush the decoder.

        Frames have strictly increasing ``pts``, in units of ``video.time_base``.
        """
        is_flush = packet is None or not packet.size
        try:
            frames = self._decoder.decode(None if is_flush else packet)
        except av.FFmpegError:
            self._has_errors = True
            frames = []
        for frame in frames:
            self.frame_count += 1
            self.damaged_count += bool(frame.is_corrupt)
            frame.time_base = self.video.time_base
            frame.pts = self._choose_time(frame)
            yield frame

    def _choose_time(self, frame: Any) -> int:
        """AVI stores no times for display, and FFmpeg's guess is one frame late; some files repeat one."""
        is_in_order = self.container.format.name == "avi" and not self._decoder.has_b_frames
        time, last = frame.dts if is_in_order or frame.pts is None else frame.pts, self._last_time
        if time is None:
            rate = self.video.guessed_rate or self.video.average_rate or Fraction(25)
            time = 0 if last is None else last + max(1, round(1 / (rate * self.video.time_base)))
        self._last_time = time if last is None else max(time, last + 1)
        return self._last_time

    def first_frame(self) -> Any:
        """The first frame that decodes.

        Raises:
            MediaError: there is none.
        """
        for packet in self.read_packets():
            if packet is None or packet.stream is self.video:
                for frame in self.decode(packet):
                    return frame
        raise MediaError("it has no frames, or is damaged")

    def describe_damage(self, scan: PacketScan) -> str:
        """What is lost of the frames and of the sound, after all packets are decoded; empty if nothing is.

        Steps between frames are judged only in a file that shows damage: others may leave out frames on purpose.
        """
        times = scan.times.get(self.video.index, ())
        if not (scan.has_errors or self._has_errors or self.damaged_count):
            return ""
        missing = max(count_missing(times), self._declared_frame_count(times) - len(times))
        lost = missing + max(0, len(times) - self.frame_count)
        parts = [f"{lost} of {self.frame_count + lost} frames are lost"] if lost else []
        parts += [f"{self.damaged_count} frames are damaged"] if self.damaged_count else []
        lost_sound = sum(count_missing(scan.times.get(stream.index, ())) for stream in self.container.streams.audio)
        parts += [f"{lost_sound} packets of sound are lost"] if lost_sound else []
        return ", ".join(parts)

    def _declared_frame_count(self, times: Sequence[float]) -> int:
        """By the header; 0 if it does not say."""
        if self.video.frames:
            return int(self.video.frames)
        match = DURATION_TEXT.match(self.video.metadata.get("DURATION", ""))
        if match is None or len(times) <= 1:
            return 0
        step, seconds = usual_step(times), int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
        return round((seconds - min(times)) / step) if step else 0
