"""Scratch folders: gone at the end, and those of killed processes go with the next one."""

import os
import subprocess
import sys
import tempfile

import pytest

from zerokd.files.atomic import host_digest
from zerokd.files.scratch import scratch_environment, scratch_folder


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_goes_with_all_that_is_in_it_also_after_an_error(parent):
    def fill():
        with scratch_folder() as folder:
            assert folder.parent == parent
            (folder / "deep/er").mkdir(parents=True)
            raise KeyError

    with pytest.raises(KeyError):
        fill()
    assert os.listdir(parent) == []


def test_what_a_killed_process_left_goes_with_the_next_one(parent):
    code = (
        "import os, signal\nfrom zerokd.files.scratch import scratch_folder\n"
        "with scratch_folder() as folder:\n"
        "    (folder / 'a').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(parent)})
    assert len(os.listdir(parent)) == 1
    with scratch_folder() as folder:
        assert os.listdir(parent) == [folder.name]


def test_folders_in_use_and_of_others_stay(parent):
    links_to = parent / "target"
    links_to.mkdir()
    dead = 2**22 + 1  # above the largest number of a process
    start = f".zerokd-{host_digest()}"
    for name in (f"{start}-{os.getppid()}-abcdefgh", f".zerokd-00000000-{dead}-abcdefgh", f"{start}-{dead}-abc"):
        (parent / name).mkdir()
    (parent / f"{start}-{dead}-linklink").symlink_to(links_to)
    (parent / f"{start}-{dead}-filefile").write_text("x")
    (parent / f"{start}-{os.getpid()}-earlier_").mkdir()  # of an earlier process with this number
    before = set(os.listdir(parent))
    with scratch_folder() as outer, scratch_folder():
        assert outer.exists()
    assert before - set(os.listdir(parent)) == {f"{start}-{os.getpid()}-earlier_"}


def test_programs_put_their_temporary_files_there(tmp_path):
    code = "import tempfile; print(tempfile.gettempdir())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=scratch_environment(tmp_path), capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tmp_path)
