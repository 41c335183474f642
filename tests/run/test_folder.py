"""No existing file is ever overwritten."""

import os
import signal

import pytest

from zerokd.errors import RunFolderError
from zerokd.files.atomic import temporary_path
from zerokd.run.folder import RunFolder


def test_a_folder_with_something_in_it_is_refused_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(RunFolderError, match="exists and is not an empty folder"):
        RunFolder.create("paper", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_refused(tmp_path):
    path = tmp_path / "out"
    path.write_text("kept")
    with pytest.raises(RunFolderError):
        RunFolder.create("paper", path)
    assert path.read_text() == "kept"


def test_an_empty_folder_is_used(tmp_path):
    assert RunFolder.create("paper", tmp_path).sample_path("pretrain").parent.is_dir()


def test_two_runs_in_one_second_get_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "20260101-000000")
    paths = [RunFolder.create("paper", None).path.name for _ in range(3)]
    assert paths == ["paper-20260101-000000", "paper-20260101-000000-2", "paper-20260101-000000-3"]


def test_a_place_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot use the run folder"):
        RunFolder.create("paper", tmp_path / "file" / "below")


@pytest.mark.parametrize("below", ["file/below", "file/a/b", "x" * 300, "zero\0"])
def test_a_place_where_no_folder_can_be_is_refused_before_the_run(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot use the run folder") as caught:
        RunFolder.check_available(tmp_path / below)
    assert caught.value.exit_code == 5


def test_a_free_place_passes_the_check(tmp_path):
    RunFolder.check_available(None)
    RunFolder.check_available(tmp_path)
    RunFolder.check_available(tmp_path / "not" / "yet")
    assert not list(tmp_path.iterdir())


def test_a_name_too_long_for_a_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError, match="too long"):
        RunFolder.create("x" * 300, None)


def test_of_two_processes_one_gets_the_folder_again_and_again(tmp_path):
    """Two processes make and lock one folder at the same moment, twenty times; the loser ends with 5.

    The winner keeps the lock until both have told what they got, however late the other one is.
    """

    def create_and_lock(path, gate, told, end):
        os.read(gate, 1)
        try:
            with RunFolder.create("paper", path).lock():
                os.write(told, b"0")
                os.read(end, 1)
        except Exception as error:
            os.write(told, str(getattr(error, "exit_code", "?"))[:1].encode())
        os._exit(0)

    for attempt in range(20):
        (gate, opens), (answers, told), (end, ends) = pipes = [os.pipe() for _ in range(3)]
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                os.close(ends)  # so that it ends with this process
                create_and_lock(tmp_path / str(attempt), gate, told, end)
            children.append(child)
        os.write(opens, b"go")
        assert sorted([os.read(answers, 1), os.read(answers, 1)]) == [b"0", b"5"]
        os.write(ends, b"go")
        for child in children:
            os.waitpid(child, 0)
        for pipe in pipes:
            os.close(pipe[0]), os.close(pipe[1])


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    folder = RunFolder.create("paper", tmp_path / "run")
    child = os.fork()
    if child == 0:
        with folder.lock():
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with folder.lock():
        pass


def test_a_recipe_is_written_once_and_replaced_only_by_another(tmp_path):
    folder = RunFolder.create("paper", tmp_path / "run")
    folder.write_recipe({"name": "paper"})
    before = folder.recipe.stat()
    folder.write_recipe({"name": "paper"})
    assert (folder.recipe.stat().st_ino, folder.recipe.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    folder.write_recipe({"name": "other"})
    assert folder.recipe.read_text() == 'name = "other"\n'
    assert sorted(path.name for path in folder.path.iterdir()) == ["recipe.toml", "samples"]


STARTED = {".lock": b"", "samples": None, "recipe.toml": b"x"}  # a run makes them in another order: samples first


@pytest.mark.parametrize("names", [(), (".lock",), ("samples",), ("samples", ".lock"), tuple(STARTED)])
def test_what_a_run_leaves_that_ended_before_its_manifest_is_used_again(tmp_path, names):
    for name in names:
        (tmp_path / name).mkdir() if STARTED[name] is None else (tmp_path / name).write_bytes(STARTED[name])
    temporary_path(tmp_path / "recipe.toml").touch()
    assert RunFolder(tmp_path).is_unstarted()
    RunFolder.check_available(tmp_path)


@pytest.mark.parametrize("names", ["recipe.toml", "recipe.toml samples", ".lock other", "samples samples/mine.png"])
def test_what_may_be_somebody_elses_is_not_used(tmp_path, names):
    for name in names.split():
        (tmp_path / name).mkdir() if name == "samples" else (tmp_path / name).touch()
    assert not RunFolder(tmp_path).is_unstarted()
    with pytest.raises(RunFolderError, match="not an empty folder"):
        RunFolder.check_available(tmp_path)


def litter(folder):
    """What a process leaves that is killed after its manifest."""
    folder.checkpoints.mkdir(parents=True)
    (folder.checkpoints / "last.safetensors").touch()
    paths = [folder.student, folder.path / "report.html", folder.checkpoints / "next.safetensors"]
    for path in paths:
        temporary = temporary_path(path)
        temporary.with_name(temporary.name.replace(f"-{os.getpid()}.", f"-{2**22 + 1}.")).touch()
    folder.student.touch()


def test_litter_goes_and_the_rest_stays(tmp_path):
    folder = RunFolder(tmp_path)
    litter(folder)
    folder.remove_litter()
    assert sorted(os.listdir(tmp_path)) == [".lock", "student.safetensors"]
    litter(folder)
    (folder.checkpoints / "mine.txt").touch()
    folder.remove_litter()
    assert os.listdir(folder.checkpoints) == ["mine.txt"]


def test_litter_of_a_folder_in_use_stays(tmp_path):
    folder = RunFolder(tmp_path)
    litter(folder)
    with folder.lock():
        before = sorted(tmp_path.rglob("*"))
        folder.remove_litter()
        assert sorted(tmp_path.rglob("*")) == before
        folder.remove_litter_of_locked()
    assert sorted(os.listdir(tmp_path)) == [".lock", "student.safetensors"]


def test_a_folder_without_litter_gets_no_lock_file(tmp_path):
    RunFolder(tmp_path).remove_litter()
    assert os.listdir(tmp_path) == []
