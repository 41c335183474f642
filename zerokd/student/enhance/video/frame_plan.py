"""What happens to the frames of a video: how they become upright pixels, and what they are stored as."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
from attrs import evolve, frozen

from zerokd.student.enhance.video.formats import Container, FrameKind, choose_encoder
from zerokd.student.enhance.video.frames import (
    DEINTERLACER,
    JOIN_FIELDS,
    SPLIT_FIELDS,
    FrameFilter,
    count_bits,
    frame_to_pixels,
    has_alpha,
    read_orientation,
)
from zerokd.student.enhance.video.storage import VideoFormat, choose_format

FIRST_FIELDS = {2: "tff", 3: "bff", 4: "bff", 5: "tff"}  # by the field order of FFmpeg: the one that is shown first
ROWS_OF_FIELDS = 4  # two fields, at half the height for colours


@frozen
class FramePlan:
    """What happens to the frames of a video.

    Attributes:
        filters: FFmpeg filters that make frames upright, and lay the fields of interlaced ones one above the other.
        join_filters: these undo the latter.
        first_field: "tff" or "bff", the one that is shown first; empty without fields, or if it is not stated.
        pixel_aspect: width by height of a pixel, upright; None if it is square or not stated.
        format: what frames are stored as.
        first_time: of the first frame, in seconds.
        first_frame: after ``filters``.
        notes: what changes.
    """

    filters: tuple[str, ...]
    join_filters: tuple[str, ...]
    first_field: str
    pixel_aspect: Fraction | None
    format: VideoFormat
    first_time: Fraction
    first_frame: Any
    notes: tuple[str, ...]

    @property
    def drops_alpha(self) -> bool:
        """Whether frames have transparency that the format cannot hold."""
        return self.format.kind.has_alpha and not has_alpha(av.VideoFormat(self.format.encoding.pixel_format))

    def expected_properties(self, properties: Mapping[str, str], container: Container) -> dict[str, str]:
        """What the result should state, for the properties in a description: less than these where pixels change."""
        expected = dict(properties)
        expected.pop("pixel aspect", None)
        if self.pixel_aspect is not None:
            expected["pixel aspect"] = f"{self.pixel_aspect.numerator}:{self.pixel_aspect.denominator}"
        converted: tuple[str, ...] = () if self.format.kind.is_interlaced else ("fields",)
        keeps_colours = container.states_colours and not self.first_frame.format.is_rgb
        converted += () if keeps_colours else ("colour matrix", "colour range")
        return {name: value for name, value in expected.items() if name not in converted}

    def widen(self, gap: int) -> FramePlan:
        """The plan for frames that hold two of these side by side, with so many pixels between."""
        kind = evolve(self.format.kind, width=2 * self.format.kind.width + gap)
        return evolve(self, format=evolve(self.format, kind=kind))

    def read_pixels(self, frame: Any) -> np.ndarray:
        """The pixels of a frame after ``filters``; over black where the format cannot hold transparency."""
        pixels = frame_to_pixels(frame)
        if not self.drops_alpha:
            return pixels
        alpha = pixels[..., 3:].astype(np.float32) / np.iinfo(pixels.dtype).max
        return (pixels[..., :3] * alpha + 0.5).astype(pixels.dtype)


def plan_frames(frame: Any, video: Any, suffix: str, deinterlace: bool) -> FramePlan:
    """The plan for a video, by its first frame.

    Args:
        suffix: the ending of the result, one of ``VIDEO_SUFFIXES``.
        deinterlace: make whole frames of fields, also where the container could hold them.
    """
    notes = []
    orientation = read_orientation(frame)
    if not orientation.is_exact:
        notes.append("its display matrix is no quarter turn or flip: the nearest is applied")
    order = video.codec_context.field_order
    is_interlaced = frame.interlaced_frame or order in FIRST_FIELDS
    kind = FrameKind(frame.width, frame.height, count_bits(frame.format), has_alpha(frame.format), is_interlaced)
    encoder = choose_encoder(suffix, kind)
    has_fields = is_interlaced and encoder.keeps_fields and not orientation.filters and not deinterlace
    if is_interlaced and not has_fields:
        notes.append("deinterlaced" if deinterlace else "deinterlaced, as the result cannot hold its fields")
    splits = has_fields and frame.height % ROWS_OF_FIELDS == 0
    aspect = video.sample_aspect_ratio or Fraction(1)
    aspect = 1 / aspect if orientation.swaps_sides else aspect
    filters: tuple[str, ...] = (DEINTERLACER,) if is_interlaced and not has_fields else ()
    filters += orientation.filters
    if aspect != 1 and not encoder.keeps_pixel_aspect:
        sides = (frame.height, frame.width) if orientation.swaps_sides else (frame.width, frame.height)
        width, height = square_pixels(*sides, aspect)
        notes.append(f"its pixels of {aspect.numerator}:{aspect.denominator} became square: {width}x{height}")
        filters, aspect = (*filters, f"scale=w={width}:h={height}:flags=bicubic+accurate_rnd"), Fraction(1)
    filters = (*filters, SPLIT_FIELDS) if splits else filters
    first_field = FIRST_FIELDS.get(order, "") if has_fields else ""
    join_filters = (*((JOIN_FIELDS,) if splits else ()), *((f"setfield={first_field}",) if first_field else ()))
    chain = FrameFilter(filters)
    first_frame = [*chain(frame), *chain.flush()][0]
    video_format = choose_format(suffix, first_frame, has_fields)
    notes += video_format.losses
    pixel_aspect = aspect if aspect != 1 else None
    time = frame.pts * frame.time_base
    return FramePlan(filters, join_filters, first_field, pixel_aspect, video_format, time, first_frame, tuple(notes))


def square_pixels(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size in square pixels that keeps every detail: one side grows, to an even number."""
    if aspect > 1:
        return 2 * round(width * aspect / 2), height
    return width, 2 * round(height / aspect / 2)
