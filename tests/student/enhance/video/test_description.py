"""What two videos say about themselves is compared; what one does not say is named."""

import struct
from fractions import Fraction

import pytest
from attrs import evolve

from tests.student.enhance.video.clip import make_clip
from zerokd.student.enhance.video.description import (
    copy_tags,
    describe_video,
    is_copied_tag,
    list_losses,
    read_content_light_level,
    read_mastering_display,
    select_tags,
)
from zerokd.student.enhance.video.formats import CONTAINERS
from zerokd.student.enhance.video.reader import VideoReader

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    def add_chapters(container):
        unit = Fraction(1, 1000)
        container.set_chapters(
            [
                {"id": n, "start": 100 * n, "end": 100 * n + 100, "time_base": unit, "metadata": {"title": f"part {n}"}}
                for n in range(2)
            ]
        )

    path = tmp_path_factory.mktemp("clip") / "a.mkv"
    make_clip(path, sounds=2, languages=("fra", "deu"), tags={"title": "Night"}, change_container=add_chapters)
    with VideoReader(path) as reader:
        return describe_video(reader.container, reader.first_frame())


SAME = {0: 0, 1: 1, 2: 2}


def test_a_video_lacks_nothing_of_itself(description):
    assert description.tags == {"title": "Night"}
    assert description.chapters == (("part 0", 0.0), ("part 1", 0.1))
    assert [stream.tags.get("language") for stream in description.streams.values()] == [None, "fra", "deu"]
    assert list_losses(description, description, SAME) == []


def test_every_difference_is_named(description):
    streams = dict(description.streams)
    streams[2] = evolve(streams[2], tags={}, dispositions=frozenset(), start=streams[2].start + 1)
    before = evolve(description, properties={"pixel aspect": "4:3", "closed captions": "stated"})
    before = evolve(before, streams={**streams, 2: evolve(description.streams[2], dispositions=frozenset({"forced"}))})
    after = evolve(
        description, tags={}, chapters=(("part 0", 0.0),), streams=streams, properties={"pixel aspect": "1:1"}
    )
    assert list_losses(before, after, SAME) == [
        "tag 'title'",
        "1 chapters",
        "pixel aspect 4:3, which became 1:1",
        "closed captions",
        "tag 'language' of stream 2 (audio)",
        "flag 'forced' of stream 2 (audio)",
        f"start of stream 2 (audio): {description.streams[2].start:+.3f} s after the frames became "
        f"{description.streams[2].start + 1:+.3f} s",
    ]


def test_chapters_with_other_titles_or_starts_are_named(description):
    after = evolve(description, chapters=(("part 0", 0.0), ("two", 0.9)))
    assert list_losses(description, after, SAME) == ["title of chapter 'part 1'", "start of chapter 'part 1'"]


def test_a_stream_that_was_left_out_is_not_compared(description):
    assert list_losses(description, evolve(description, streams={0: description.streams[0]}), {0: 0}) == []


def test_cover_art_and_attachments_are_counted(description):
    cover = evolve(description.streams[0], type="cover art")
    before = evolve(description, streams={**description.streams, 3: cover, 4: cover})
    assert list_losses(before, before, SAME) == []
    assert list_losses(before, description, SAME, omitted=(3,)) == ["1 of 1 cover art"]
    assert list_losses(before, description, SAME, omitted=(3, 4)) == []


def test_two_codes_of_one_language_are_the_same(description):
    streams = {**description.streams, 2: evolve(description.streams[2], tags={"language": "ger"})}
    assert list_losses(description, evolve(description, streams=streams), SAME) == []


def test_what_a_container_writes_about_itself_is_no_tag_of_the_content():
    tags = {
        "TITLE": "x",
        "ENCODER": "Lavf",
        "DURATION": "1",
        "major_brand": "isom",
        "_STATISTICS_TAGS": "BPS",
        "BPS": "1",
    }
    assert select_tags(tags) == {"title": "x"}
    assert select_tags({"title": "x", "title-eng": "x", "language": "und", "handler_name": "VideoHandler"}) == {
        "title": "x"
    }
    assert [key for key in tags if is_copied_tag(key)] == ["TITLE"]
    assert copy_tags({"language": "deu", "title": "x"}, CONTAINERS[".mov"]) == {"language": "ger", "title": "x"}
    assert copy_tags({"language": "deu"}, CONTAINERS[".mkv"]) == {"language": "deu"}


def test_hdr_metadata_is_read_from_its_bytes():
    display = struct.pack("=20i", *(number for value in range(10) for number in (value, 4)))
    assert read_mastering_display(display) == [pytest.approx(value / 4) for value in range(10)]
    assert read_content_light_level(struct.pack("=2I", 1000, 400)) == (1000, 400)
