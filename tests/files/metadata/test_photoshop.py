"""Photoshop's image resources: IPTC goes with them, thumbnails do not."""

from zerokd.files.metadata.photoshop import add_iptc, find_iptc, list_resources, remove_thumbnails

IPTC = b"\x1c\x02\x69\0\x04head"


def resource(number, content, name=b""):
    name = bytes([len(name)]) + name
    name += b"\0" * (len(name) % 2)
    return b"8BIM" + number.to_bytes(2) + name + len(content).to_bytes(4) + content + b"\0" * (len(content) % 2)


BLOCK = resource(0x03ED, b"resolution") + resource(0x040C, b"thumbnail") + resource(0x0404, IPTC, b"odd")


def test_resources_are_listed_with_odd_sizes_and_names():
    assert [(number, content) for number, content, _ in list_resources(BLOCK)] == [
        (0x03ED, b"resolution"),
        (0x040C, b"thumbnail"),
        (0x0404, IPTC),
    ]
    assert b"".join(data for _, _, data in list_resources(BLOCK)) == BLOCK


def test_thumbnails_go():
    assert remove_thumbnails(BLOCK) == resource(0x03ED, b"resolution") + resource(0x0404, IPTC, b"odd")


def test_iptc_is_found_and_added_once():
    assert find_iptc(BLOCK) == IPTC
    plain = resource(0x03ED, b"resolution")
    assert find_iptc(plain) == b""
    assert add_iptc(plain, IPTC) == plain + resource(0x0404, IPTC)
    assert add_iptc(BLOCK, b"other") == BLOCK
    assert add_iptc(plain, b"") == plain


def test_damaged_resources_end_the_list():
    assert list(list_resources(BLOCK[:40])) == list(list_resources(resource(0x03ED, b"resolution")))
    assert list(list_resources(b"nothing")) == []
