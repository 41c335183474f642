"""What is no regular file is refused without waiting."""

import os
import socket

import pytest

from tests.command import zerokd
from tests.conftest import RECIPES
from zerokd.files.regular import open_regular, read_regular


def test_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert read_regular(tmp_path / "a") == b"abc"


@pytest.fixture(params=["fifo", "socket", "device"])
def special(request, tmp_path):
    path = tmp_path / "special"
    if request.param == "fifo":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path = "/dev/zero"
    return path


def test_what_is_no_file_is_refused_at_once(special):
    with pytest.raises(OSError, match=r"not a regular file|No such device"):
        open_regular(special)


def test_a_folder_and_an_absent_file_are_called_so(tmp_path):
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "absent")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "words",
    [
        ("check", "fifo"),
        ("check", "extending.toml"),
        ("check", RECIPES / "fidelity.toml", "--plugin", "fifo.py"),
        ("check", RECIPES / "fidelity.toml", "--set", "models.teacher.weights=fifo", "--set", "data.count=4"),
        ("resume", "run"),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_no_command_waits_for_a_fifo(tmp_path, words):
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "extending.toml").write_text('extends = "fifo"\n')
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run/manifest.json")
    (tmp_path / "run/recipe.toml").write_text("")
    process = zerokd(*words, cwd=tmp_path)
    assert process.returncode in (2, 3, 5), process.stderr
    assert "Traceback" not in process.stderr
    assert "regular file" in process.stderr or "does not exist" in process.stderr
