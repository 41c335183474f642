"""``zerokd diff``."""

from tests.command import zerokd
from tests.pages.runs import copied


def test_text_and_page(tmp_path):
    copied(tmp_path, name="a"), copied(tmp_path, name="b")
    done = zerokd("diff", "a", "b", "-o", "d.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("A  a\nB  b\n")
    assert "no difference except" in done.stdout
    assert "<title>zerokd diff: a and b</title>" in (tmp_path / "d.html").read_text()
    done = zerokd("diff", "a", "nowhere", cwd=tmp_path)
    assert (done.returncode, "is not a run folder" in done.stderr) == (5, True)
