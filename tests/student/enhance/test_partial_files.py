"""What killed processes left goes, and nothing else."""

import os

from zerokd.student.enhance.partial_files import PartialFiles, partial_path

DEAD = 999_999_999


def test_only_what_the_dead_left_of_the_same_file_goes(tmp_path):
    names = [f".a.{DEAD}.part.png", f".a.{os.getpid()}.part.png", f".a.{10**30}.part.png", f".a.b.{DEAD}.part.png"]
    names += [
        f".a.{os.getppid()}.part.png",
        f".a.{DEAD}.part.jpg",
        f".a.x{DEAD}.part.png",
        "a.png",
        f".*.{DEAD}.part.png",
    ]
    for name in names:
        (tmp_path / name).touch()
    left = PartialFiles([tmp_path / "a.png", tmp_path / "none/b.png"])
    left.remove_stale(tmp_path / "a.png")
    left.remove_stale(tmp_path / "none/b.png")
    gone = {name for name in names if not (tmp_path / name).exists()}
    assert gone == {f".a.{DEAD}.part.png", f".a.{os.getpid()}.part.png"}


def test_a_hidden_name_of_this_process_beside_the_target(tmp_path):
    path = partial_path(tmp_path / "a.b.jpg")
    assert path == tmp_path / f".a.b.{os.getpid()}.part.jpg"
    path.touch()
    PartialFiles([tmp_path / "a.b.jpg"]).remove_stale(tmp_path / "b.jpg")
    assert path.exists()


def test_a_folder_is_looked_through_once(tmp_path, monkeypatch):
    seen, plain = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: seen.append(folder) or plain(folder))
    PartialFiles(tmp_path / f"{number}.png" for number in range(100))
    assert seen == [tmp_path]
