"""XMP stays as it is, except for descriptions of what the result does not hold."""

import pytest

from zerokd.files.metadata.xmp import XmpError, make_current, merge_extension

HEAD = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
TAIL = "</rdf:RDF></x:xmpmeta>"
GOOGLE = (
    'xmlns:C="http://ns.google.com/photos/1.0/container/" xmlns:I="http://ns.google.com/photos/1.0/container/item/" '
    'xmlns:G="http://ns.google.com/photos/1.0/camera/" xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
)


def packet(attributes="", body=""):
    return f'{HEAD}<rdf:Description rdf:about="" {GOOGLE} {attributes}>{body}</rdf:Description>{TAIL}'.encode()


def test_a_packet_without_stale_parts_keeps_every_byte():
    plain = (
        f'<?xpacket begin="" id="a"?>{HEAD}<rdf:Description rdf:about="" a="ü"/>{TAIL}   <?xpacket end="w"?>'.encode()
    )
    assert make_current(plain) == plain
    assert make_current(b"not XML, but nothing to change") == b"not XML, but nothing to change"


def test_gain_map_and_motion_photo_go_and_the_rest_stays():
    item = '<rdf:li rdf:parseType="Resource"><C:Item I:Semantic="GainMap" I:Length="9"/></rdf:li>'
    before = packet(
        'h:Version="1.0" G:MotionPhoto="1" G:MicroVideoOffset="7" G:SpecialTypeID="x" dc:format="image/jpeg"',
        f"<C:Directory><rdf:Seq>{item}</rdf:Seq></C:Directory><dc:title>ünï 夜 &amp;</dc:title>",
    )
    after = make_current(before).decode()
    for stale in ("hdr-gain-map", "Directory", "GainMap", "MotionPhoto", "MicroVideo", "container"):
        assert stale not in after
    for lasting in ('dc:format="image/jpeg"', "ünï 夜 &amp;", 'G:SpecialTypeID="x"'):
        assert lasting in after


def test_a_turned_photo_is_declared_upright():
    after = make_current(packet('tiff:Orientation="6" tiff:ImageWidth="60" tiff:ImageLength="40"'), 6).decode()
    assert 'tiff:Orientation="1"' in after
    assert 'tiff:ImageWidth="40"' in after
    after = make_current(packet(body="<tiff:Orientation>3</tiff:Orientation>"), 3).decode()
    assert "<tiff:Orientation>1</tiff:Orientation>" in after


def test_the_extension_of_a_jpeg_is_merged():
    note = 'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="ABC"'
    merged = merge_extension(packet(note), packet(body="<dc:subject>far</dc:subject>")).decode()
    assert "HasExtendedXMP" not in merged
    assert "<dc:subject>far</dc:subject>" in merged
    assert merge_extension(b"any", b"") == b"any"


@pytest.mark.parametrize(
    "damaged",
    [
        b"<a MotionPhoto photos/1.0/camera",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>HDRGainMap &b;</a>',
        b"HDRGainMap\xff\xfe",
    ],
)
def test_what_is_no_xmp_is_refused(damaged):
    with pytest.raises(XmpError):
        make_current(damaged)
    with pytest.raises(XmpError):
        merge_extension(packet(), damaged)
