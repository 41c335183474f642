"""What frames are stored as: encoder, pixel format and colours, and what these cannot hold."""

from __future__ import annotations

from typing import Any

import av
from attrs import frozen

from zerokd.student.enhance.video.formats import CONTAINERS, EIGHT_BITS, Encoder, FrameKind, choose_encoder
from zerokd.student.enhance.video.frames import (
    BT709,
    FrameEncoding,
    choose_matrix,
    count_bits,
    has_alpha,
    has_full_range,
    usual_matrix,
)

MAX_BITS = 16  # of a value of pixels


@frozen
class VideoFormat:
    """What the enhanced frames are stored as.

    Attributes:
        kind: of the frames that are written.
        encoder: for them.
        encoding: their pixel format and colours.
        losses: what the format cannot hold of the frames.
    """

    kind: FrameKind
    encoder: Encoder
    encoding: FrameEncoding
    losses: tuple[str, ...]


def choose_format(suffix: str, frame: Any, is_interlaced: bool) -> VideoFormat:
    """The format for frames like ``frame``, upright, in files with this ending."""
    source = frame.format
    bits = min(MAX_BITS, count_bits(source))
    kind = FrameKind(frame.width, frame.height, bits, has_alpha(source), is_interlaced)
    encoder = choose_encoder(suffix, kind)
    names = encoder.pixel_formats or [f.name for f in av.codec.Codec(encoder.name, "w").video_formats or ()]
    formats = [pixel_format for pixel_format in map(av.VideoFormat, names) if _is_yuv(pixel_format)]
    target = min(formats, key=lambda pixel_format: _format_distance(kind, source, pixel_format))
    name, losses = suffix[1:].upper(), []
    if kind.has_alpha and not has_alpha(target):
        losses.append(f"{name} has no alpha: composited over black")
    if count_bits(target) < kind.bits:
        losses.append(f"{kind.bits} bits became {count_bits(target)}")
    if _chroma_steps(target) > _chroma_steps(source):
        losses.append("colours at a lower resolution")
    if not CONTAINERS[suffix].states_colours:
        matrix, full = usual_matrix(frame.height), False
    else:
        matrix, full = BT709 if source.is_rgb else choose_matrix(frame), has_full_range(frame) and not source.is_rgb
    return VideoFormat(kind, encoder, FrameEncoding(target.name, matrix, full), tuple(losses))


def _is_yuv(pixel_format: Any) -> bool:
    planar = pixel_format.is_planar and len(pixel_format.components) >= 3
    return planar and not pixel_format.is_rgb and not pixel_format.name.startswith(("yuvj", "nv", "p0"))


def _chroma_steps(pixel_format: Any) -> tuple[int, int]:
    """How many pixels share a colour, along a row and a column; grey has none to lose."""
    if pixel_format.is_rgb or pixel_format.has_palette:
        return (1, 1)
    if len(pixel_format.components) < 3:
        return (2, 2)
    return (8 // pixel_format.chroma_width(8), 8 // pixel_format.chroma_height(8))


def _format_distance(kind: FrameKind, source: Any, candidate: Any) -> tuple[int, ...]:
    """Less is better: first nothing lost, then nothing that the frames do not need."""
    bits = count_bits(candidate)
    steps = _chroma_steps(source) if kind.has_even_sides else (1, 1)
    if source.is_rgb and kind.bits <= EIGHT_BITS and not kind.has_alpha:
        steps = (1, 1)
    coarser = [max(0, new - old) for new, old in zip(_chroma_steps(candidate), steps, strict=True)]
    finer = [max(0, old - new) for new, old in zip(_chroma_steps(candidate), steps, strict=True)]
    lost_alpha = kind.has_alpha and not has_alpha(candidate)
    return (lost_alpha, max(0, kind.bits - bits), sum(coarser), has_alpha(candidate), bits, sum(finer))
