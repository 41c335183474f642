"""Who may allow a large download, what a question says, and that nothing else asks."""

import io
import os
import pty
import subprocess
import sys

import pytest

from zerokd.errors import WeightsError
from zerokd.files import consent
from zerokd.files.consent import FREE_BYTES, require_consent, require_trust

URL = "https://download.example.org/models/vgg19-dcbb9e9d.pth"
SIZE = 574_673_361
PROGRAM = f"""
from pathlib import Path
from zerokd.files.consent import require_consent
require_consent({URL!r}, {SIZE}, Path("/some/cache"))
print("agreed")
"""


@pytest.fixture(autouse=True)
def without_settings(monkeypatch):
    monkeypatch.delenv("ZEROKD_DOWNLOADS", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def refused(tmp_path, size=SIZE):
    with pytest.raises(WeightsError) as caught:
        require_consent(URL, size, tmp_path)
    return caught.value.problems[0]


def test_ten_megabytes_are_free_and_a_byte_more_is_not(tmp_path):
    require_consent(URL, FREE_BYTES, tmp_path)
    assert FREE_BYTES == 10_000_000
    problem = refused(tmp_path, FREE_BYTES + 1)
    assert problem.message == "no consent to download vgg19-dcbb9e9d.pth, 10 MB from download.example.org"


def test_a_refusal_states_size_host_place_and_remedy(tmp_path):
    text = str(refused(tmp_path))
    for part in ("548 MB", "download.example.org", str(tmp_path), "--yes", "ZEROKD_DOWNLOADS=yes"):
        assert part in text


@pytest.mark.parametrize(("answer", "allowed"), [("yes", True), ("no", False)])
def test_the_environment_decides_and_nothing_is_asked(tmp_path, monkeypatch, answer, allowed):
    monkeypatch.setenv("ZEROKD_DOWNLOADS", answer)
    monkeypatch.setattr(consent, "_is_interactive", lambda: pytest.fail("no question after an answer"))
    require_consent(URL, SIZE, tmp_path) if allowed else refused(tmp_path)


@pytest.mark.parametrize("answer", ["1", "Yes", "true"])
def test_another_value_is_an_error(tmp_path, monkeypatch, answer):
    monkeypatch.setenv("ZEROKD_DOWNLOADS", answer)
    assert refused(tmp_path).message == f"ZEROKD_DOWNLOADS={answer!r}"


def test_a_pipe_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert "no consent" in refused(tmp_path).message


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_terminal_is_asked(typed, code):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True
    )
    os.close(theirs)
    shown = ""
    while "[y/N]" not in shown:
        shown += os.read(ours, 1000).decode()
    os.write(ours, f"{typed}\n".encode())
    output = process.communicate(timeout=60)[0]
    os.close(ours)
    assert (process.returncode, output) == (code, "agreed\n" if code == 0 else "")
    assert " ".join(shown.split()) == (
        "Download vgg19-dcbb9e9d.pth, 548 MB from download.example.org?"
        " zerokd stores what it needs in /some/cache, for all later runs. [y/N]:"
    )


def test_several_processes_are_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(consent, "_ask", lambda *arguments: pytest.fail("asked one of several processes"))
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused(tmp_path)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_program_is_trusted_by_its_digest_alone(tmp_path, monkeypatch):
    digest, path = "ab" * 32, tmp_path / "teacher.pt"
    monkeypatch.delenv("ZEROKD_TRUSTED_FILES", raising=False)
    for value in ("", "yes", "ab" * 31, "cd" * 32, "*"):
        monkeypatch.setenv("ZEROKD_TRUSTED_FILES", value)
        with pytest.raises(WeightsError, match="holds a program") as caught:
            require_trust(path, digest)
        assert f"ZEROKD_TRUSTED_FILES={digest}" in str(caught.value)
        assert caught.value.exit_code == 3
    for value in (digest, f"{'cd' * 32}, {digest.upper()}"):
        monkeypatch.setenv("ZEROKD_TRUSTED_FILES", value)
        require_trust(path, digest)
