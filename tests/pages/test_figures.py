"""Figures for papers: the charts of the report as files, on white, with text that a search finds."""

import importlib.util
import sys
from xml.etree import ElementTree

import pytest

from tests.pages.runs import copied
from zerokd.errors import OutputError, RunFolderError
from zerokd.pages import figures
from zerokd.pages.figures import OPTIONAL_CHARTS, build_stage_panels, svg_to_pdf, write_figures
from zerokd.pages.run_record import read_run

HAS_CAIRO = importlib.util.find_spec("cairosvg") is not None
SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><text x="2" y="9">mean</text></svg>'


def test_each_chart_of_a_stage_is_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "svg_to_pdf", lambda text: None)
    written = write_figures(copied(tmp_path), tmp_path / "a/b")
    names = {path.stem for path in written.paths}
    assert {"distill-contributions", "distill-norm", "distill-rate", "pretrain-contributions", "grey"} <= names
    assert "distill-schedules" in names  # alpha changes
    assert "distill-factors" not in names  # no aggregator gave any
    assert {path.name for path in (tmp_path / "a/b").iterdir()} == {f"{name}.svg" for name in names}
    for path in written.paths:
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "prefers-color-scheme" not in path.read_text()  # paper is white


def test_a_missing_cairo_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    written = write_figures(copied(tmp_path), tmp_path / "f")
    assert not written.has_pdf
    assert written.describe(tmp_path / "f").endswith(f"SVG ({figures.PDF_HINT})")


def test_a_pdf_is_beside_each_svg(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "svg_to_pdf", lambda text: b"%PDF-" + text[:4].encode())
    written = write_figures(copied(tmp_path), tmp_path / "f")
    assert {path.with_suffix(".pdf").read_bytes() for path in written.paths} == {b"%PDF-<svg"}
    assert written.describe(tmp_path / "f").endswith("figures in " + str(tmp_path / "f") + ", SVG and PDF")


@pytest.mark.skipif(not HAS_CAIRO, reason="CairoSVG is not installed: pip install 'zerokd[figures]'")
def test_pdf_has_the_size_of_the_figure_and_embeds_its_font():
    pdf = svg_to_pdf(SQUARE)
    assert pdf.startswith(b"%PDF-")
    assert b"/MediaBox [ 0 0 30 15 ]" in pdf  # 40 x 20 pixels of 3/4 point
    assert b"/FontFile" in pdf


def test_the_report_has_the_same_charts(tmp_path):
    run = read_run(copied(tmp_path))
    (stage,) = [stage for stage in run.players if stage["name"] == "distill"]
    panels = build_stage_panels(run, stage)
    assert list(panels)[:4] == ["contributions", "shares", "rate", "norm"]
    assert set(panels) - {"contributions", "shares", "rate", "norm"} <= set(OPTIONAL_CHARTS)
    assert panels["contributions"].log
    assert [line.name for line in panels["rate"].lines] == ["learning rate"]


def test_errors(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError):
        write_figures(tmp_path, tmp_path / "f")
    with pytest.raises(OutputError):
        write_figures(copied(tmp_path), tmp_path / "file" / "f")
