"""A file is whole, or as it was; nothing else stays in its folder."""

import os

import pytest

from zerokd.errors import OutputError
from zerokd.files.atomic import (
    TEMPORARY_NAME,
    is_running,
    remove_stale_temporaries,
    replacing,
    temporary_path,
    write_bytes,
    write_text,
)

DEAD = 2**22 + 1  # no process has that number


def test_it_is_replaced(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    write_text(tmp_path / "a.txt", "two")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "two")]


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "nowhere" / "a.txt", "one")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "folder", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_name_as_long_as_the_file_system_takes(tmp_path):
    write_bytes(tmp_path / ("n" * 251 + ".png"), b"x")
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]
    assert temporary_path(tmp_path / ("n" * 251 + ".png")).suffix == ".png"


def test_a_lone_surrogate_is_written_as_an_escape(tmp_path):
    write_text(tmp_path / "a.txt", "\udcff")
    assert (tmp_path / "a.txt").read_bytes() == rb"\udcff"


def test_several_are_replaced_together_or_none(tmp_path):
    first_path, second_path = tmp_path / "one.txt", tmp_path / "two.txt"
    first_path.write_text("before")
    with pytest.raises(ZeroDivisionError), replacing(first_path, second_path) as temporary:
        temporary[1].write_bytes(b"%d" % (1 // (temporary[0].write_text("after") - 5)))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("one.txt", "before")]
    with replacing(first_path, second_path) as (first, second):
        first.write_text("after")
        second.write_text("after")
    assert sorted((path.name, path.read_text()) for path in tmp_path.iterdir()) == [
        ("one.txt", "after"),
        ("two.txt", "after"),
    ]


def test_bytes_are_flushed_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    calls = []
    flush, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("flush"), flush(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), rename(*paths)))
    write_bytes(tmp_path / "a", b"x")
    assert calls == ["flush", "rename", "flush"]


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "a.png"
    dead = temporary_path(path).with_name(temporary_path(path).name.replace(str(os.getpid()), str(2**22 + 1)))
    alive = temporary_path(path).with_name(temporary_path(path).name.replace(str(os.getpid()), "1"))
    others = [tmp_path / ".hidden", tmp_path / ".zerokd-x.part.png"]
    for file in (dead, alive, *others):
        file.touch()
    remove_stale_temporaries([tmp_path, tmp_path / "nowhere"])
    assert not dead.exists()
    assert all(file.exists() for file in (alive, *others))
    assert is_running(1)
    assert is_running(os.getpid())
    assert not is_running(2**22 + 1)


def test_only_files_of_the_given_targets_are_removed(tmp_path):
    (tmp_path / "other").mkdir()
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "other" / "a.png"]
    temporaries = [temporary_path(path) for path in paths]
    for path in temporaries:
        path.touch()
    remove_stale_temporaries([tmp_path, tmp_path / "other"], [tmp_path / "a.png"])
    assert [path.exists() for path in temporaries] == [False, True, True]


def renamed(path, host=None, process=None):
    """A temporary file of another machine or process."""
    match = TEMPORARY_NAME.fullmatch(path.name)
    name = path.name.replace(match["host"], host or match["host"])
    return path.with_name(name.replace(f"-{match['process']}.", f"-{process or match['process']}."))


def test_the_first_write_into_a_folder_removes_what_killed_processes_left(tmp_path):
    own, other = temporary_path(tmp_path / "a.txt"), temporary_path(tmp_path / "b.txt")
    stale = [renamed(own, process=DEAD), renamed(other, process=DEAD), renamed(own, host="0" * 8, process=DEAD)]
    in_use = [renamed(own, process=os.getppid()), renamed(other, host="0" * 8, process=DEAD)]
    for path in (*stale, *in_use):
        path.touch()
    write_text(tmp_path / "a.txt", "text")
    assert sorted(os.listdir(tmp_path)) == sorted(["a.txt", *(path.name for path in in_use)])
    stale[0].touch()
    write_text(tmp_path / "a.txt", "text")  # once: a folder may hold a million files
    assert stale[0].exists()


def test_in_a_folder_of_this_machine_alone_all_dead_processes_are_of_it(tmp_path):
    path = renamed(temporary_path(tmp_path / "a.txt"), host="0" * 8, process=DEAD)
    path.touch()
    remove_stale_temporaries([tmp_path])
    assert path.exists()
    remove_stale_temporaries([tmp_path], exclusive=True)
    assert not path.exists()
