"""Each ending has an encoder for every kind of frame, and FFmpeg has it."""

import pytest

from zerokd.student.enhance.video.formats import CONTAINERS, LANGUAGE_CODES, VIDEO_SUFFIXES, FrameKind, choose_encoder

av = pytest.importorskip("av")

KINDS = [
    FrameKind(width, 64, bits, alpha, interlaced)
    for width in (64, 63)
    for bits in (8, 10)
    for alpha in (False, True)
    for interlaced in (False, True)
]


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_every_kind_of_frame_has_an_encoder_that_its_container_takes(suffix, tmp_path):
    with av.open(str(tmp_path / "a"), "w", format=CONTAINERS[suffix].muxer) as container:
        for name in {choose_encoder(suffix, kind).name for kind in KINDS}:
            assert name in container.supported_codecs or name in ("ffv1", "prores_ks", "mpeg4", "libx264")
            container.add_stream(name)  # raises where it cannot hold it


@pytest.mark.parametrize(
    ("suffix", "kind", "name"),
    [
        (".mp4", FrameKind(64, 64), "libx264"),
        (".mp4", FrameKind(64, 64, bits=10), "libx265"),
        (".mp4", FrameKind(64, 64, bits=10, is_interlaced=True), "libx264"),
        (".mp4", FrameKind(64, 64, has_alpha=True), "libx264"),
        (".mov", FrameKind(64, 64, has_alpha=True), "prores_ks"),
        (".mkv", FrameKind(64, 64, has_alpha=True), "libvpx-vp9"),
        (".mkv", FrameKind(64, 64, bits=10, has_alpha=True), "ffv1"),
        (".webm", FrameKind(64, 64), "libvpx-vp9"),
        (".webm", FrameKind(64, 64, bits=10), "libsvtav1"),
        (".webm", FrameKind(63, 64, bits=10), "libvpx-vp9"),
        (".avi", FrameKind(64, 64), "mpeg4"),
        (".avi", FrameKind(64, 64, has_alpha=True), "ffv1"),
    ],
)
def test_the_encoder_follows_the_ending_and_the_frames(suffix, kind, name):
    assert choose_encoder(suffix, kind).name == name


def test_no_encoder_of_avi_reorders_frames():
    for kind in KINDS:
        encoder = choose_encoder(".avi", kind)
        assert encoder.name == "ffv1" or encoder.options["bf"] == "0"


def test_quicktime_has_one_code_for_each_language():
    names = CONTAINERS[".mov"].language_names
    assert names["deu"] == "ger"
    assert names["fre"] == "fra"
    for pair in LANGUAGE_CODES:
        assert len({names.get(code, code) for code in pair}) == 1
