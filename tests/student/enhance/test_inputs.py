"""Which files, and where to: nothing twice, nothing on top of a photo, nothing outside the folder."""

import os
from collections import Counter
from pathlib import Path

import pytest

from zerokd.errors import DataError, OutputError, RecipeError
from zerokd.student.enhance.inputs import LINKED_FOLDER, collect_jobs, describe_skipped

KINDS = (".jpg", ".png")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.jpg", "in/deep/b.PNG", "in/deep/c.txt", "in/.hidden.jpg", "other/a.jpg", "one.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def targets(*inputs, out="out", **options):
    return [
        (job.name, job.target.as_posix())
        for job in collect_jobs([Path(path) for path in inputs], Path(out), KINDS, **options)
    ]


def test_a_folder_keeps_its_folders(photos):
    assert targets("in") == [("a.jpg", "out/a.jpg"), ("deep/b.PNG", "out/deep/b.PNG")]


def test_files_go_into_the_folder_and_one_file_may_name_its_result(photos):
    assert targets("one.png", "in/a.jpg") == [("one.png", "out/one.png"), ("a.jpg", "out/a.jpg")]
    assert targets("one.png", out="bright.png") == [("one.png", "bright.png")]


def test_a_file_named_twice_is_one_job(photos):
    assert len(targets("in", "in/a.jpg", "in/../in")) == 2


def test_the_results_of_a_folder_may_lie_in_it(photos):
    (photos / "in/out").mkdir()
    (photos / "in/out/a.jpg").write_text("made before")
    assert [name for name, _ in targets("in", out="in/out")] == ["a.jpg", "deep/b.PNG"]


@pytest.mark.parametrize("out", ["in", "in/../in"])
def test_a_photo_is_never_written_over(photos, out):
    with pytest.raises(OutputError, match="would overwrite a photo"):
        targets("in", out=out)
    with pytest.raises(OutputError, match="would overwrite a photo"):
        targets("one.png", out="one.png")


def test_a_link_to_the_photos_is_the_photos(photos):
    os.symlink(photos / "in", photos / "link")
    with pytest.raises(OutputError, match="would overwrite a photo"):
        targets("in", out="link")


def test_two_of_one_name_are_told(photos):
    with pytest.raises(RecipeError, match=r"'in/a.jpg' and 'other/a.jpg' would both be written to 'out/a.jpg'"):
        targets("in", "other")


def test_a_link_to_a_photo_is_that_photo_once_and_linked_folders_are_not_followed(photos):
    os.symlink(photos / "one.png", photos / "in/linked.png")
    os.symlink(photos / "in/a.jpg", photos / "in/deep/again.jpg")
    os.symlink(photos / "other", photos / "in/folder")
    skipped = Counter()
    jobs = collect_jobs([Path("in")], Path("out"), (".jpg", ".png"), skipped=skipped)
    assert [job.name for job in jobs] == ["a.jpg", "deep/b.PNG", "linked.png"]
    assert skipped[LINKED_FOLDER] == 1
    assert "1 linked folder, not followed" in describe_skipped(skipped)


def test_what_is_missing_is_all_told(photos):
    with pytest.raises(DataError) as caught:
        targets("nowhere", "in", "nothing.jpg")
    assert len(caught.value.problems) == 2


def test_nothing_to_do_and_other_kinds(photos):
    (photos / "empty").mkdir()
    with pytest.raises(DataError, match="nothing to enhance in empty"):
        targets("empty")
    with pytest.raises(RecipeError, match="cannot enhance this kind of file"):
        targets("in/deep/c.txt")
    with pytest.raises(OutputError, match="is a file"):
        targets("in", out="one.png")


def test_shards_are_parts_of_the_whole_wherever_it_lies(photos):
    for number in range(40):
        (photos / f"in/{number}.jpg").write_text("")
    parts = [{name for name, _ in targets("in", shard=(index, 3))} for index in (1, 2, 3)]
    assert set.union(*parts) == {name for name, _ in targets("in")}
    assert sum(map(len, parts)) == 42
    assert min(map(len, parts)) > 5
    os.rename(photos / "in", photos / "moved")
    assert {name for name, _ in targets("moved", shard=(1, 3))} == parts[0]


def test_other_kinds_in_folders_are_counted_by_suffix(photos):
    for name in ("in/a.gif", "in/deep/b.GIF", "in/c.heic", "in/README", "in/.hidden.gif"):
        (photos / name).write_text(name)
    skipped = Counter()
    assert len(targets("in", "one.png", skipped=skipped)) == 3
    assert skipped == {".gif": 2, ".heic": 1, ".txt": 1, "": 1}
    assert describe_skipped(skipped) == ("Skipping 5 files of other kinds: 2 .gif, 1 without ending, 1 .heic, 1 .txt")
    assert describe_skipped({}) == ""
    many = {f".{number}": 1 for number in range(10)}
    assert describe_skipped(many).endswith("1 .7, 2 more")


def test_a_folder_of_other_kinds_alone_names_them(photos):
    (photos / "others").mkdir()
    (photos / "others/a.gif").write_text("a")
    with pytest.raises(DataError) as caught:
        targets("others", skipped=Counter())
    assert "Skipping 1 file of other kinds: 1 .gif" in str(caught.value.problems[0].hints)


def test_a_result_of_another_format_has_both_endings(photos):
    options = {"result_suffixes": {".png": ".tif"}}
    assert targets("one.png", **options) == [("one.png", "out/one.png.tif")]
    assert targets("one.png", out="new.jpg", **options) == [("one.png", "new.jpg")]


def test_a_kind_that_this_machine_lacks_is_named(photos):
    (photos / "a.heic").write_text("a")
    with pytest.raises(RecipeError, match=r"'a.heic'") as caught:
        targets("a.heic")
    assert "this machine's libvips has no decoder for .heic" in caught.value.problems[0].hints


@pytest.mark.parametrize("out", ["x.gif", "x.HEIC", "deep/x.mts"])
def test_a_name_that_is_meant_as_a_file_of_another_kind_is_no_folder(photos, out):
    with pytest.raises(RecipeError, match="zerokd cannot write"):
        targets("one.png", out=out)
    (photos / out).mkdir(parents=True)
    assert targets("one.png", out=out) == [("one.png", f"{out}/one.png")]


def test_several_files_need_a_folder(photos):
    for inputs in (("in",), ("one.png", "in/a.jpg")):
        with pytest.raises(RecipeError, match="several files need a folder"):
            targets(*inputs, out="x.png")
    assert len(targets("in", out="bright.v2")) == 2  # a dot alone is no ending
