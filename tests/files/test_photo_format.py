"""A format is recognised by its bytes; what this machine does not read is called by its name, not damaged."""

import pytest
import pyvips

from zerokd.files import photo_format
from zerokd.files.photo_format import (
    HEIC_SAMPLE,
    MediaError,
    decodes_hevc,
    describe_heif,
    detect_format,
    has_loader,
    readable_suffixes,
    translate_vips_error,
    vips_error_line,
)


def ftyp(*brands):
    return b"\0\0\0\x1cftyp" + brands[0] + b"\0\0\0\0" + b"".join(brands[1:])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"GIF89a", "a GIF file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 file"),
        (b"\xff\x4f\xff\x51\0", "a JPEG 2000 file"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\x76\x2f\x31\x01", "an OpenEXR file"),
        (b"II*\0\x10\0\0\0CR\2\0", "a Canon raw file"),
        (ftyp(b"crx ", b"crx "), "a Canon raw file"),
        (ftyp(b"isom", b"mp42"), "an MP4 or QuickTime video"),
        (ftyp(b"qt  "), "an MP4 or QuickTime video"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI video"),
        (b"P6\n2 2\n255\n", "a PNM file"),
        (b"FUJIFILMCCD-RAW 0201", "a Fujifilm raw file"),
        (b"II\xbc\1", "a JPEG XR file"),
    ],
)
def test_another_format_is_called_by_its_name(tmp_path, content, name):
    (tmp_path / "a").write_bytes(content.ljust(40, b"\0"))
    with pytest.raises(MediaError, match=f"^not an image that zerokd reads: {name} .unsupported.$"):
        detect_format(tmp_path / "a")


@pytest.mark.parametrize(("content", "name"), [(b"\xff\x0a\1", "JPEG XL"), (ftyp(b"heic", b"mif1"), "HEIC")])
def test_a_format_that_this_libvips_lacks_is_refused_by_name(tmp_path, monkeypatch, content, name):
    monkeypatch.setattr(photo_format, "has_loader", lambda photo_format: False)
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(MediaError, match=f"unsupported: {name}, for which"):
        detect_format(tmp_path / "a")


def test_the_sample_of_hevc_is_a_heic():
    assert describe_heif(HEIC_SAMPLE[:32]) == "HEIC"
    assert describe_heif(ftyp(b"mif1", b"avif")) == "AVIF"
    av = pytest.importorskip("av")
    if tuple(map(int, av.__version__.split(".")[:1])) < (16,):
        pytest.skip("this PyAV reads no HEIF")
    import io

    with av.open(io.BytesIO(HEIC_SAMPLE)) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert pixels.shape == (64, 64, 3)
    assert abs(pixels.astype(int) - (200, 100, 50)).max() <= 2


def test_heic_is_read_exactly_where_its_sample_is_decoded(tmp_path):
    (tmp_path / "a.heic").write_bytes(HEIC_SAMPLE)
    from zerokd.files.photo import read_photo

    if decodes_hevc():
        assert read_photo(tmp_path / "a.heic").pixels.shape == (64, 64, 3)
    else:
        with pytest.raises(MediaError, match="unsupported: HEIC that this libvips"):
            read_photo(tmp_path / "a.heic")
    assert decodes_hevc() == (".heic" in readable_suffixes())
    assert has_loader("JXL") == (".jxl" in readable_suffixes())
    assert has_loader("HEIF") == (".avif" in readable_suffixes())


@pytest.mark.parametrize(
    ("detail", "kind", "text"),
    [
        ("vips_tracked: out of memory --- size == 286MB\n", MemoryError, "out of memory"),
        ("source: bad seek to 9\nheif: not been built in: HEVC\n", MediaError, "unsupported: .* HEVC"),
        ("VipsJpeg: Unsupported JPEG process: SOF type 0xf7\n", MediaError, "^unsupported"),
        ("VipsJpeg: Unsupported marker type 0x62\n", MediaError, "^damaged or truncated"),
        ("pngload: libpng read error\n", MediaError, r"damaged or truncated \(pngload: libpng read error\)"),
    ],
)
def test_an_error_of_libvips_is_named_for_what_it_is(tmp_path, detail, kind, text):
    (tmp_path / "a").write_bytes(b"\xff\xd8\xff")
    error = pyvips.Error.__new__(pyvips.Error)
    error.message, error.detail = "unable to call", detail
    translated = translate_vips_error(error, tmp_path / "a")
    assert type(translated) is kind
    with pytest.raises(kind, match=text):
        raise translated
    assert not vips_error_line(error).startswith("source:")
