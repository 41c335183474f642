"""``zerokd report``, and the page that every run leaves."""

from tests.command import zerokd
from tests.conftest import RECIPES, TINY
from tests.pages.runs import copied


def test_a_page_and_its_path(tmp_path):
    folder = copied(tmp_path)
    done = zerokd("report", folder, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{folder / 'report.html'}\n")


def test_figures_beside_the_page(tmp_path):
    done = zerokd("report", copied(tmp_path), "--figures", "figures", cwd=tmp_path)
    assert done.returncode == 0
    count = len(list((tmp_path / "figures").glob("*.svg")))
    assert f"\n{count} figures in figures, SVG" in done.stdout
    assert count > 5


def test_no_run(tmp_path):
    done = zerokd("report", ".", cwd=tmp_path)
    assert (done.returncode, "is not a run folder" in done.stderr) == (5, True)


def test_every_run_leaves_one_and_resume_writes_it_again(tmp_path):
    settings = [part for setting in TINY for part in ("--set", setting)]
    done = zerokd("run", RECIPES / "paper.toml", *settings, "--out", "r", cwd=tmp_path)
    assert done.returncode == 0
    assert "report: r/report.html" in done.stdout
    (tmp_path / "r" / "report.html").unlink()
    done = zerokd("resume", "r", cwd=tmp_path)
    assert "is already finished" in done.stdout
    assert (tmp_path / "r" / "report.html").exists()
