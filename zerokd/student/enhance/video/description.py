"""A record of everything a video says about itself, and what of it another video does not say."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from typing import Any

import av
from attrs import frozen

from zerokd.student.enhance.video.formats import LANGUAGE_CODES, Container
from zerokd.student.enhance.video.frames import BT601, LIMITED_RANGE, SMPTE170M, UNSPECIFIED, read_side_data
from zerokd.student.enhance.video.reader import find_video_stream, is_cover

# Tags that a container writes about itself. The file's own are not the copy's.
STRUCTURAL_TAGS = re.compile(
    r"encoder|software|major_brand|minor_version|compatible_brands|vendor_id|duration|bps|number_of_(frames|bytes)|_statistics_.*"
    r"|alpha_mode|filename|mimetype|stereo_mode|itunsmpb|codec_delay",
    re.IGNORECASE,
)
DEFAULT_VALUES = {
    "language": ("und",),
    "handler_name": ("VideoHandler", "SoundHandler", "SubtitleHandler", "DataHandler"),
}
LANGUAGE_COPY = re.compile(r"(.+)-[a-z]{3}")  # MP4's "title-eng" beside "title"
UNSTATED = (0, UNSPECIFIED)
USUAL_RANGES = (0, LIMITED_RANGE)  # what does not say is limited
SHOWN_DISPOSITIONS = av.stream.Disposition  # each flag has a name
START_TOLERANCE = 0.05  # seconds: within it sound and images seem simultaneous
# Side data of frames that is about this encoding, not about the scene, or that is applied
ENCODING_SIDE_DATA = (
    "DISPLAYMATRIX", "SEI_UNREGISTERED", "MOTION_VECTORS", "REGIONS_OF_INTEREST", "VIDEO_ENC_PARAMS", "VIDEO_HINT",
    "SKIP_SAMPLES", "PANSCAN",
)  # fmt: skip
SIDE_DATA_NOUNS = {
    "MASTERING_DISPLAY_METADATA": "HDR mastering display",
    "CONTENT_LIGHT_LEVEL": "HDR content light level",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "A53_CC": "closed captions",
    "S12M_TIMECODE": "timecode of each frame",
    "GOP_TIMECODE": "timecode of each group of frames",
    "SPHERICAL": "spherical projection",
    "STEREO3D": "stereo 3D layout",
    "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
    "ICC_PROFILE": "ICC profile",
    "FILM_GRAIN_PARAMS": "grain parameters",
    "AFD": "active format description",
}
EXTRA_TYPES = ("cover art", "attachment")  # streams that are no tracks
GOP_TIMECODE_BITS = 0xFFEFFF  # hours, minutes, seconds, frames
FIELD_ORDERS = {2: "tt", 3: "bb", 4: "tb", 5: "bt"}


@frozen
class StreamDescription:
    """What a container says about a stream: its type, tags, the names of its dispositions, and its start in seconds."""

    type: str
    tags: Mapping[str, str]
    dispositions: frozenset[str]
    start: float


@frozen
class Description:
    """What a video says about itself.

    Attributes:
        tags: of the file.
        chapters: titles, and starts in seconds.
        streams: by index.
        video: the index of the frames' stream.
        properties: of the frames, by name, only those that are stated.
    """

    tags: Mapping[str, str]
    chapters: tuple[tuple[str, float], ...]
    streams: Mapping[int, StreamDescription]
    video: int
    properties: Mapping[str, str]


def describe_video(container: Any, first_frame: Any) -> Description:
    """What an open PyAV container and its first frame say."""
    video = find_video_stream(container)
    chapters = tuple(
        (chapter["metadata"].get("title", ""), float(chapter["start"] * chapter["time_base"]))
        for chapter in container.chapters()
    )
    streams = {stream.index: _describe_stream(stream) for stream in container.streams}
    properties = dict(_video_properties(video, first_frame))
    return Description(select_tags(container.metadata), chapters, streams, video.index, properties)


def _describe_stream(stream: Any) -> StreamDescription:
    flags = frozenset(str(flag.name) for flag in SHOWN_DISPOSITIONS if stream.disposition & flag)
    start = float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
    type_name = "cover art" if is_cover(stream) else stream.type
    return StreamDescription(type_name, select_tags(stream.metadata), flags, start)


def is_copied_tag(key: str) -> bool:
    """Whether a tag is about the content; containers write the others about themselves."""
    return not STRUCTURAL_TAGS.fullmatch(key)


def copy_tags(tags: Mapping[str, str], container: Container) -> dict[str, str]:
    """The tags about the content, for a container; a language gets the code that it knows."""
    return {
        key: container.language_names.get(value, value) if key.lower() == "language" else value
        for key, value in tags.items()
        if is_copied_tag(key)
    }


def select_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that a copy should have, by lower-case key, without values that a container fills in."""
    lower = {key.lower(): value for key, value in tags.items()}
    return {
        key: value
        for key, value in lower.items()
        if is_copied_tag(key)
        and value not in DEFAULT_VALUES.get(key, ())
        and not ((match := LANGUAGE_COPY.fullmatch(key)) and match[1] in lower)
    }


def _video_properties(video: Any, frame: Any) -> Iterator[tuple[str, str]]:
    ratio = video.sample_aspect_ratio
    for noun, name in (
        ("colour matrix", "colorspace"), ("colour range", "color_range"), ("colour primaries", "color_primaries"),
        ("transfer characteristic", "color_trc"),
    ):  # fmt: skip
        value = BT601 if getattr(frame, name) == SMPTE170M and name == "colorspace" else int(getattr(frame, name))
        if value not in (UNSTATED if name != "color_range" else USUAL_RANGES):
            yield noun, str(value)
    if ratio and ratio != 1:
        yield "pixel aspect", f"{ratio.numerator}:{ratio.denominator}"
    if frame.interlaced_frame or video.codec_context.field_order in FIELD_ORDERS:
        yield "fields", "interlaced"
    for name, noun in SIDE_DATA_NOUNS.items():
        data = read_side_data(frame, name)
        if data is not None and (name != "GOP_TIMECODE" or _has_timecode(data)):
            yield noun, _describe_side_data(name, data)
    for side_data in frame.side_data:
        if side_data.type.name not in (*ENCODING_SIDE_DATA, *SIDE_DATA_NOUNS):
            yield f"side data {side_data.type.name}", "stated"


def _has_timecode(data: bytes) -> bool:
    """Whether the timecode of a group of frames is more than the 0 that MPEG-2 always has: 25 bits, one always set."""
    return bool(int.from_bytes(data[:8], sys.byteorder) & GOP_TIMECODE_BITS)


def _describe_side_data(name: str, data: bytes) -> str:
    if name == "MASTERING_DISPLAY_METADATA":
        *points, least, most = map(float, read_mastering_display(data))
        return " ".join([*(f"{value:.3f}" for value in (*points, least)), f"{most:.0f}"])  # codecs round differently
    if name == "CONTENT_LIGHT_LEVEL":
        return "/".join(map(str, read_content_light_level(data)))
    return "stated"


def read_mastering_display(data: bytes) -> list[Fraction]:
    """FFmpeg's AVMasteringDisplayMetadata: x and y of red, green, blue and white (CIE 1931), and the least and the
    greatest luminance in candela per square metre.
    """
    numbers = struct.unpack_from("=20i", data)
    return [Fraction(top, bottom or 1) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]


def read_content_light_level(data: bytes) -> tuple[int, int]:
    """The greatest light level of a pixel and of the mean of a frame, in candela per square metre."""
    most, mean = struct.unpack_from("=2I", data)
    return most, mean


def list_losses(
    before: Description, after: Description, indices: Mapping[int, int], omitted: Collection[int] = ()
) -> list[str]:
    """What ``before`` says and ``after`` does not, each in a few words.

    Args:
        indices: of the tracks of ``after``, by those of ``before``; tracks that were left out are missing.
        omitted: the indices of streams that are known to be left out.
    """
    after_tags = {**after.streams[after.video].tags, **after.tags}  # QuickTime keeps a timecode there
    losses = [f"tag {key!r}" for key in _lost_tags(before.tags, after_tags)]
    if len(after.chapters) != len(before.chapters):
        losses.append(f"{len(before.chapters) - len(after.chapters)} chapters")
    else:
        for old, new in zip(before.chapters, after.chapters, strict=True):
            losses += [f"title of chapter {old[0]!r}"] if old[0] != new[0] else []
            losses += [f"start of chapter {old[0]!r}"] if abs(old[1] - new[1]) > START_TOLERANCE else []
    losses += [
        name if name not in after.properties else f"{name} {value}, which became {after.properties[name]}"
        for name, value in before.properties.items()
        if after.properties.get(name) != value
    ]
    for noun in EXTRA_TYPES:
        left_out = sum(before.streams[index].type == noun for index in omitted)
        count = sum(stream.type == noun for stream in before.streams.values()) - left_out
        lost = count - sum(stream.type == noun for stream in after.streams.values())
        losses += [f"{lost} of {count} {noun}"] if lost > 0 else []
    for index, stream in before.streams.items():
        copy = after.streams.get(indices.get(index, -1))
        if copy is not None:
            place = f"of stream {index} ({stream.type})"
            own = {key: value for key, value in stream.tags.items() if before.tags.get(key) != value}
            losses += [f"tag {key!r} {place}" for key in _lost_tags(own, copy.tags)]
            flags = stream.dispositions - copy.dispositions
            if sum(other.type == stream.type for other in before.streams.values()) == 1:
                flags -= {"default"}  # of the only stream of its type it says nothing
            losses += [f"flag {flag!r} {place}" for flag in sorted(flags)]
            delay = stream.start - before.streams[before.video].start
            new_delay = copy.start - after.streams[after.video].start
            is_dense = stream.type in ("audio", "video")  # subtitles start with the first that is shown
            if is_dense and abs(new_delay - delay) > START_TOLERANCE:
                losses.append(f"start {place}: {delay:+.3f} s after the frames became {new_delay:+.3f} s")
    return losses


def _lost_tags(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [key for key, value in before.items() if not _is_same_tag(key, value, after.get(key))]


def _is_same_tag(key: str, value: str, other: str | None) -> bool:
    codes = {value, other}
    return value == other or (key == "language" and any(codes == set(pair) for pair in LANGUAGE_CODES))
