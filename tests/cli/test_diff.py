"""``zerokd diff``."""

import subprocess
import sys

from tests.pages.runs import copied


def test_text_and_page(tmp_path):
    copied(tmp_path, name="a"), copied(tmp_path, name="b")
    command = [sys.executable, "-m", "zerokd", "diff", "a", "b", "-o", "d.html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("A  a\nB  b\n")
    assert "nothing differs" in done.stdout
    assert "<title>zerokd diff: a and b</title>" in (tmp_path / "d.html").read_text()
    done = subprocess.run([*command[:4], "a", "nowhere"], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert (done.returncode, "is not the folder of a run" in done.stderr) == (5, True)
