"""Containers and encoders: what each file ending can hold, and the encoder that a video gets in it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

EIGHT_BITS = 8
MIN_AV1_SIDE = 64  # pixels: SVT-AV1 takes no smaller frames


@frozen
class FrameKind:
    """What an encoder has to hold.

    Attributes:
        width, height: in pixels, upright.
        bits: of each value, at most 16.
        has_alpha: frames have transparency.
        is_interlaced: a frame holds two fields.
    """

    width: int
    height: int
    bits: int = EIGHT_BITS
    has_alpha: bool = False
    is_interlaced: bool = False

    @property
    def has_even_sides(self) -> bool:
        """Whether colours can be stored at half the width and height."""
        return self.width % 2 == 0 and self.height % 2 == 0


@frozen
class Encoder:
    """A video encoder of FFmpeg, by ``name``.

    Attributes:
        pixel_formats: those that work; empty for all that FFmpeg lists.
        options: of FFmpeg, for a quality that viewers cannot tell from the original.
        parameters: the encoder's own, which FFmpeg passes in the option ``parameter_option``.
        hdr_names: the names, among ``parameters``, of the mastering display and of the content light level.
        field_parameters: by the field that is shown first, "tff" or "bff".
        keeps_fields: the encoder stores interlaced frames.
        keeps_pixel_aspect: frames may have pixels that are not square. PyAV tells Matroska and WebM of none, so it
            has to be in the encoder's own stream.
        codec_tag: the name of the codec in MP4 and MOV, where FFmpeg's own is not the one that players know.
    """

    name: str
    options: Mapping[str, str] = field(factory=dict)
    pixel_formats: tuple[str, ...] = ()
    parameter_option: str = ""
    parameters: tuple[str, ...] = ()
    hdr_names: tuple[str, str] | None = None
    field_parameters: Mapping[str, str] = field(factory=dict)
    keeps_fields: bool = False
    keeps_pixel_aspect: bool = True
    codec_tag: str = ""


@frozen
class Container:
    """What files with an ending are.

    Attributes:
        muxer: its name in FFmpeg.
        copied_audio: beginnings of the names of codecs that it takes as they are; empty for all that FFmpeg allows.
        audio_encoder, subtitle_encoder: for sound and subtitles that the container cannot hold as they are; empty if
            there is none.
        holds_attachments: such as fonts.
        holds_chapters, holds_covers, holds_data: chapters, cover art, streams that are neither sound nor images.
        has_fixed_rate: all frames have the same duration.
        states_colours: matrix and range of colours; players assume the usual ones otherwise.
        language_names: codes that it knows, for those that it does not.
        known_tags: the tags that it has a place for; None for any.
    """

    muxer: str
    audio_encoder: str
    subtitle_encoder: str = ""
    copied_audio: tuple[str, ...] = ()
    holds_attachments: bool = False
    holds_chapters: bool = True
    holds_covers: bool = True
    has_fixed_rate: bool = False
    states_colours: bool = True
    language_names: Mapping[str, str] = field(factory=dict)
    known_tags: frozenset[str] | None = None


H264 = Encoder(
    "libx264",
    {"crf": "18", "preset": "medium"},
    parameter_option="x264-params",
    hdr_names=("mastering-display", "cll"),
    field_parameters={"tff": "tff=1", "bff": "bff=1"},
    keeps_fields=True,
)
# AVI has one time for each packet, in the order of decoding: no frame may wait for a later one
MPEG4 = Encoder("mpeg4", {"flags": "+qscale", "global_quality": "236", "bf": "0"}, keeps_fields=True)  # quantizer 2
H265 = Encoder(
    "libx265",
    {"crf": "18", "preset": "fast"},
    parameter_option="x265-params",
    parameters=("log-level=none",),
    hdr_names=("master-display", "max-cll"),
    codec_tag="hvc1",
)
VP9 = Encoder("libvpx-vp9", {"crf": "24", "b": "0", "row-mt": "1", "cpu-used": "2"}, keeps_pixel_aspect=False)
VP9_ALPHA = Encoder(
    "libvpx-vp9", {**VP9.options, "auto-alt-ref": "0"}, pixel_formats=("yuva420p",), keeps_pixel_aspect=False
)
AV1 = Encoder(
    "libsvtav1",
    {"crf": "24", "preset": "8"},
    parameter_option="svtav1-params",
    hdr_names=("mastering-display", "content-light"),
    keeps_pixel_aspect=False,
)
FFV1 = Encoder("ffv1", {"level": "3"})
PRORES = Encoder("prores_ks", {"profile": "4444", "alpha_bits": "16"}, keeps_fields=True)

COMMON_TAGS = (
    "title", "artist", "composer", "album", "date", "comment", "genre", "copyright", "keywords", "creation_time",
    "location", "encoder", "timecode",
)  # fmt: skip
ITUNES_TAGS = frozenset((
    *COMMON_TAGS, "album_artist", "grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network",
    "track", "disc", "media_type", "hd_video", "gapless_playback", "compilation",
))  # fmt: skip
QUICKTIME_TAGS = frozenset((*COMMON_TAGS, "author", "make", "model"))
LANGUAGE_CODES = (  # of ISO 639-2, two for each: containers prefer one or the other
    ("sqi", "alb"), ("hye", "arm"), ("eus", "baq"), ("mya", "bur"), ("zho", "chi"), ("ces", "cze"), ("nld", "dut"),
    ("fra", "fre"), ("kat", "geo"), ("deu", "ger"), ("ell", "gre"), ("isl", "ice"), ("mkd", "mac"), ("mri", "mao"),
    ("msa", "may"), ("fas", "per"), ("ron", "rum"), ("slk", "slo"), ("bod", "tib"), ("cym", "wel"),
)  # fmt: skip
QUICKTIME_LANGUAGES = {  # of each pair, the one that it has a number for
    **{code: other for code, other in LANGUAGE_CODES if other not in ("cze", "fre", "rum", "slo")},
    **{other: code for code, other in LANGUAGE_CODES if other in ("cze", "fre", "rum", "slo")},
}
CONTAINERS = {
    ".mp4": Container("mp4", "aac", "mov_text", known_tags=ITUNES_TAGS),
    ".m4v": Container("mp4", "aac", "mov_text", known_tags=ITUNES_TAGS),
    ".mov": Container("mov", "aac", "mov_text", known_tags=QUICKTIME_TAGS, language_names=QUICKTIME_LANGUAGES),
    ".mkv": Container("matroska", "aac", "subrip", holds_attachments=True),
    ".webm": Container("webm", "libopus", "webvtt", holds_covers=False),
    ".avi": Container(
        "avi",
        "libmp3lame",
        copied_audio=("pcm_", "mp2", "mp3", "ac3", "aac"),  # with other block sizes times go wrong
        holds_chapters=False,
        holds_covers=False,
        has_fixed_rate=True,
        states_colours=False,
    ),
}
VIDEO_SUFFIXES = tuple(CONTAINERS)


def choose_encoder(suffix: str, kind: FrameKind) -> Encoder:
    """The encoder for frames of this kind in files with this ending, one of ``VIDEO_SUFFIXES``.

    Not every container has an encoder for alpha, or for more than 8 bits: compare the kind with its pixel formats.
    """
    is_deep = kind.bits > EIGHT_BITS
    if suffix == ".webm":
        if kind.has_alpha:
            return VP9_ALPHA
        fits_av1 = kind.has_even_sides and min(kind.width, kind.height) >= MIN_AV1_SIDE
        return AV1 if is_deep and fits_av1 else VP9
    if suffix == ".avi":
        return FFV1 if kind.has_alpha else MPEG4
    if kind.has_alpha and suffix == ".mkv":
        return FFV1 if is_deep else VP9_ALPHA
    if kind.has_alpha and suffix == ".mov":
        return PRORES
    return H265 if is_deep and not kind.is_interlaced else H264
