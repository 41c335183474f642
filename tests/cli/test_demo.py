"""``zerokd demo``: an address on this machine, and an end by Ctrl-C."""

import signal
import subprocess
import sys
import urllib.request

from tests.command import zerokd


def test_it_serves_until_it_is_told_to_end(tmp_path):
    command = [sys.executable, "-u", "-m", "zerokd", "demo", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, cwd=tmp_path) as started:
        address = started.stdout.readline().split()[0]
        with urllib.request.urlopen(address) as answer:
            assert b"118 parameters" in answer.read()
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=20)
    assert started.returncode == 130
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_instead(tmp_path):
    done = zerokd("demo", "-o", "page.html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "page.html\n")
    assert "WebGL 2" in (tmp_path / "page.html").read_text()
