"""Standard output that takes no more: one line, exit code 5, no traceback."""

import os
import subprocess
import sys

import pytest

from tests.conftest import RECIPES, ROOT
from zerokd.cli import COMMANDS, OutputStream

FULL = "/dev/full"
COMMAND_LINES = [
    *((name, "--help") for name in COMMANDS),
    ("--version",),
    ("list",),
    ("schema",),
    ("plugins",),
    ("show", "ssim"),
    ("explain", "no-gradient"),
    ("show", str(RECIPES / "paper.toml"), "--resolved"),
]


@pytest.mark.skipif(not os.path.exists(FULL), reason=f"there is no {FULL}")
@pytest.mark.parametrize("words", COMMAND_LINES, ids=" ".join)
def test_a_full_disk_behind_standard_output(words):
    with open(FULL, "w") as full:
        command = [sys.executable, "-m", "zerokd", *words]
        process = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert process.returncode == 5, process.stderr
    message, _ = process.stderr.splitlines()
    assert message.startswith("cannot write to standard output: No space left on device")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_text_that_fits_is_written_and_the_rest_is_an_error(tmp_path, unbuffered):
    code = (
        "import resource, signal, sys; from zerokd.cli import OutputStream\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))\n"
        "stream = OutputStream(sys.stdout); stream.write('abcde'); stream.flush(); stream.write('f'); stream.flush()"
    )
    with open(tmp_path / "out", "w") as file:
        process = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
    assert (tmp_path / "out").read_text() == "abcde"
    assert "OutputError: cannot write to standard output: File too large" in process.stderr


def test_a_stream_is_otherwise_itself(capsys):
    stream = OutputStream(sys.stdout)
    stream.write("text")
    assert capsys.readouterr().out == "text"
    assert stream.encoding == sys.stdout.encoding
