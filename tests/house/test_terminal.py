"""What people read on a terminal of 80 columns: no line is longer, and no number is cut."""

import fcntl
import os
import re
import struct
import termios
import threading

import numpy as np
import pytest
from PIL import Image

from tests import command
from tests.conftest import TINY
from tests.pages.runs import copied

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TINY_OPTIONS = [part for setting in TINY for part in ("--set", setting)]


def on_terminal(arguments, folder):
    """The exit code and the lines of a command on a terminal of 80 columns."""
    reader, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    chunks = []

    def read():
        try:
            while chunk := os.read(reader, 65536):
                chunks.append(chunk)
        except OSError:  # the terminal is closed
            pass

    thread = threading.Thread(target=read)
    thread.start()
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    with open(os.devnull, "rb") as devnull:
        files = [devnull.fileno(), terminal, terminal]
        words = [os.fsdecode(argument) for argument in arguments]
        answer = command.send_request(command.server(), words, str(folder), environment | {"TERM": "xterm"}, files)
        answer.settimeout(200)
        code = int(answer.makefile().read().split()[1])
    os.close(terminal)
    thread.join()
    os.close(reader)
    text = CONTROL.sub("", b"".join(chunks).decode())
    return code, [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "recipes"],
        ["list", "students"],
        ["doctor"],
        ["plugins"],
        ["plugins", "--check", "mse"],
        ["check", "paper", *TINY_OPTIONS],
        ["explain", "paper", *TINY_OPTIONS],
        ["explain", "no-gradient"],
        ["check-data", "low"],
        ["evaluate", "low", "--references", "low", "--teacher", "bundled", "--student", "fidelity"],
        ["enhance", "low", "-o", "out", "--student", "fidelity"],
        ["resume", "run"],
    ],
    ids=" ".join,
)
def test_no_line_is_longer_than_80_columns_and_no_number_is_cut(tmp_path, monkeypatch, arguments):
    monkeypatch.setenv("ZEROKD_PLUGINS", "")
    (tmp_path / "low").mkdir()
    Image.fromarray(np.full((16, 20, 3), 30, np.uint8)).save(tmp_path / "low/a.png")
    if "run" in arguments:
        copied(tmp_path)
    code, lines = on_terminal(arguments, tmp_path)
    assert code == 0, lines
    assert len(lines) > 1
    paths = (str(tmp_path), "VGG-19", "folder ")  # a path stays whole
    assert [line for line in lines if len(line) > 80 and not any(path in line for path in paths)] == []
    assert [line for line in lines if re.search(r"\d(…|\.\.\.)", line)] == []
