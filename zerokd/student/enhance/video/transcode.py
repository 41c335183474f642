"""A video with every frame enhanced, at its time and upright; the rest is copied, converted, or named as lost."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from attrs import evolve, frozen

from zerokd.files.photo import MediaError
from zerokd.student.enhance.frame_enhancer import StatefulEnhancer
from zerokd.student.enhance.video.description import Description, describe_video, list_losses
from zerokd.student.enhance.video.formats import CONTAINERS
from zerokd.student.enhance.video.frame_plan import FramePlan, plan_frames
from zerokd.student.enhance.video.frames import FrameFilter, PixelFunction
from zerokd.student.enhance.video.other_streams import StreamCopy, add_other_streams
from zerokd.student.enhance.video.reader import VideoReader, scan_packets
from zerokd.student.enhance.video.writer import FrameStream, open_frame_stream, open_output

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
MICROSECONDS_PER_SECOND = 1_000_000  # the unit of a container's duration
COMPARISON_GAP = 8  # pixels between before and after
TIME_TOLERANCE = 0.0015  # seconds: Matroska counts in milliseconds
MAX_NAMED_LOSSES, MAX_LOSS_LENGTH = 12, 80

ProgressCallback = Callable[[float], None]


@frozen
class VideoReport:
    """What a result lacks: ``notes`` name what changed or is left out, ``damage`` counts what was unreadable."""

    notes: tuple[str, ...] = ()
    damage: str = ""


def enhance_video(
    source: Path,
    target: Path,
    enhance: PixelFunction | StatefulEnhancer,
    report_progress: ProgressCallback = lambda fraction: None,
    comparison: Path | None = None,
    deinterlace: bool = False,
) -> VideoReport:
    """Write a video with every frame enhanced, in the container that the target's ending names.

    Args:
        enhance: maps the pixels of a frame, (H, W, 3 or 4), uint8 or uint16, to new ones. Of an interlaced frame, the
            upper half of the rows is one field, the lower half the other. With states, they follow the frames' times.
        report_progress: called with the fraction that is done, in [0, 1], if the video declares its duration.
        comparison: a second video to write: frames before and after, side by side.
        deinterlace: make whole frames of fields.

    Raises:
        MediaError: the video has no frames, or cannot be read or written.
        OSError: the disk is full.
    """
    try:
        return _transcode(source, target, enhance, report_progress, comparison, deinterlace)
    except av.FFmpegError as error:
        if error.errno in DISK_ERRORS:
            raise OSError(error.errno, error.strerror) from error
        raise MediaError(f"damaged, or of a kind that cannot be written ({error.strerror or error})") from error
    except (ValueError, ArithmeticError, LookupError) as error:  # PyAV checks arguments that come from the file
        reason = (str(error) or type(error).__name__).splitlines()[0][:160]
        raise MediaError(f"damaged, or of a kind that cannot be converted ({reason})") from error


def _transcode(
    source: Path,
    target: Path,
    enhance: PixelFunction | StatefulEnhancer,
    report_progress: ProgressCallback,
    comparison: Path | None,
    deinterlace: bool,
) -> VideoReport:
    container = CONTAINERS[target.suffix.lower()]
    scan = scan_packets(source)
    with VideoReader(source, in_threads=False) as reader:
        first_frame = reader.first_frame()
        before = describe_video(reader.container, first_frame)
        plan = plan_frames(first_frame, reader.video, target.suffix.lower(), deinterlace)
    with ExitStack() as files:
        reader = files.enter_context(VideoReader(source))
        output = files.enter_context(open_output(target, container, reader.container.metadata))
        frames = open_frame_stream(output, reader.video, plan, container)
        writer = _FrameWriter(plan, enhance, frames)
        start = plan.first_time if container.has_fixed_rate else Fraction(0)
        streams = add_other_streams(reader.container, reader.video, output, container, scan.covers, start)
        if container.holds_chapters:
            output.set_chapters(reader.container.chapters())
        if comparison is not None:
            second = files.enter_context(open_output(comparison, container, {}))
            writer.comparison = open_frame_stream(second, reader.video, plan.widen(COMPARISON_GAP), container)
        _write_packets(reader, writer, streams, report_progress)
        damage = reader.describe_damage(scan)
        if not frames.times:
            raise MediaError("it has no frames, or is damaged")
    copies = {index: stream.index for index, stream in streams.items() if stream.index is not None}
    copies[before.video] = frames.index
    order = sorted(copies.values())  # a file lists its tracks before cover art and attachments
    indices = {index: order.index(copy) for index, copy in copies.items()}
    notes = [*plan.notes, *writer.notes, *(stream.note for stream in streams.values() if stream.note)]
    before = evolve(before, properties=plan.expected_properties(before.properties, container))
    omitted = [index for index, stream in streams.items() if stream.index is None and stream.note]
    notes += _read_back(target, before, indices, omitted, frames.times)
    return VideoReport(tuple(dict.fromkeys(notes)), damage)


def _write_packets(
    reader: VideoReader, writer: _FrameWriter, streams: dict[int, StreamCopy], report_progress: ProgressCallback
) -> None:
    duration = reader.container.duration
    for packet in reader.read_packets():
        if packet is not None and packet.stream is not reader.video:
            streams[packet.stream.index].write(packet)
            continue
        for frame in reader.decode(packet):
            time = frame.pts * frame.time_base
            writer.write(frame)
            if duration:
                report_progress(max(0.0, min(1.0, float(time * MICROSECONDS_PER_SECOND / duration))))
    writer.finish()
    for stream in streams.values():
        stream.write(None)


class _FrameWriter:
    """Enhances frames and writes them, by a plan."""

    def __init__(self, plan: FramePlan, enhance: PixelFunction | StatefulEnhancer, frames: FrameStream):
        self.comparison: FrameStream | None = None
        self._plan, self._enhance, self._frames = plan, enhance, frames
        self._prepare = FrameFilter(plan.filters)
        self._resized_count = 0
        self._waiting: deque[Any] = deque()  # frames whose state is not decided yet
        if isinstance(enhance, StatefulEnhancer):
            self._follower = enhance.create_follower(plan.format.kind.width * plan.format.kind.height)

    @property
    def notes(self) -> list[str]:
        """What happened to frames that the plan did not foresee."""
        kind = self._plan.format.kind
        text = f"{self._resized_count} frames of another size are scaled to {kind.width}x{kind.height}"
        return [text] if self._resized_count else []

    def write(self, frame: Any) -> None:
        """Write a decoded frame; filters may hold it back."""
        for prepared in self._prepare(frame):
            self._write_prepared(prepared)

    def finish(self) -> None:
        """Write all frames that filters and encoders hold."""
        for prepared in self._prepare.flush():
            self._write_prepared(prepared)
        if isinstance(self._enhance, StatefulEnhancer):
            self._write_waiting(self._enhance, self._follower.finish())
        self._frames.finish()
        if self.comparison is not None:
            self.comparison.finish()

    def _write_prepared(self, frame: Any) -> None:
        kind = self._plan.format.kind
        if (frame.width, frame.height) != (kind.width, kind.height):
            frame = frame.reformat(kind.width, kind.height)
            self._resized_count += 1
        pixels, enhance = self._plan.read_pixels(frame), self._enhance
        if not isinstance(enhance, StatefulEnhancer):
            self._write_enhanced(frame, pixels, enhance(pixels))
            return
        self._waiting.append(frame)
        states = self._follower.push(float(frame.pts * frame.time_base), enhance.functions.measure(pixels))
        self._write_waiting(enhance, states, pixels)

    def _write_waiting(self, enhance: StatefulEnhancer, states: list[Any], last: np.ndarray | None = None) -> None:
        """Write the frames that have waited longest; ``last`` has the pixels of the last frame that waits."""
        for state in states:
            frame = self._waiting.popleft()
            pixels = last if last is not None and not self._waiting else self._plan.read_pixels(frame)
            self._write_enhanced(frame, pixels, enhance.render(pixels, state))

    def _write_enhanced(self, frame: Any, pixels: np.ndarray, enhanced: np.ndarray) -> None:
        encoding = self._plan.format.encoding
        time, duration = frame.pts * frame.time_base, (frame.duration or 0) * frame.time_base
        is_same = not self._plan.drops_alpha and np.array_equal(enhanced, pixels)  # a round trip would blur colours
        self._frames.write(
            encoding.convert(frame) if is_same else encoding.replace_pixels(frame, enhanced), time, duration
        )
        if self.comparison is not None:
            gap = np.full((len(pixels), COMPARISON_GAP, pixels.shape[2]), np.iinfo(pixels.dtype).max, pixels.dtype)
            both = encoding.create_frame(np.concatenate([pixels, gap, enhanced], axis=1))
            self.comparison.write(both, time, duration)


def _read_back(
    target: Path, before: Description, indices: dict[int, int], omitted: list[int], times: list[float]
) -> list[str]:
    """What the written file lacks, by reading it.

    Raises:
        MediaError: it has another number of frames than were written.
    """
    written = sorted(scan_packets(target).times.get(indices[before.video], ()))
    with VideoReader(target, in_threads=False) as reader:
        after = describe_video(reader.container, reader.first_frame())
    if len(written) != len(times):
        raise MediaError(f"cannot be written: {len(written)} of {len(times)} frames arrived")
    shifts = [abs((new - written[0]) - (old - times[0])) for new, old in zip(written, times, strict=True)]
    moved = [shift for shift in shifts if shift > TIME_TOLERANCE]
    losses = list_losses(before, after, indices, omitted)
    notes = [f"{len(moved)} frames are shown up to {1000 * max(moved):.0f} ms earlier or later"] if moved else []
    if losses:
        named = [loss if len(loss) <= MAX_LOSS_LENGTH else f"{loss[:MAX_LOSS_LENGTH]}..." for loss in losses]
        more = f" and {len(named) - MAX_NAMED_LOSSES} more" if len(named) > MAX_NAMED_LOSSES else ""
        notes.append(f"not kept: {', '.join(named[:MAX_NAMED_LOSSES])}{more}")
    return notes
