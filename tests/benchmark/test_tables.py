"""Tables of a benchmark: what is bold, what the notes say, and files that other programs read."""

import csv
import io
import json

import pytest

from tests.benchmark.test_benchmark import measure, scale
from zerokd.benchmark.entries import BenchmarkEntry
from zerokd.benchmark.tables import build_tables, describe_benchmark, write_benchmark
from zerokd.describe.comparison_table import BEST
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.methods import build_baselines, load_method


@pytest.fixture
def measured(photo_folders):
    fidelity = load_method("fidelity", discover_plugins())
    entries = [BenchmarkEntry(method.name, (method,)) for method in build_baselines()]
    entries += [
        BenchmarkEntry("fidelity", (fidelity,)),
        BenchmarkEntry("good", (scale("g0", 3.7), scale("g1", 3.9)), (0, 1)),
        BenchmarkEntry("single", (scale("single", 1.5),), (4,)),
    ]
    return measure(entries, [photo_folders])


def test_a_table_for_each_set_and_one_of_costs(measured):
    measured.command = "zerokd benchmark ..."
    quality, costs = build_tables(measured)
    assert quality.caption == "low: mean over 3 photos"
    assert [title for title, _ in quality.sections] == ["without training", "trained"]
    psnr = quality.columns[0]
    assert psnr.ranks["good"] == BEST
    assert "single" not in psnr.ranks
    assert "input" not in quality.columns[-1].ranks
    assert " ± " in psnr.cells["good"]
    assert any(note.startswith("Standard deviation over the seeds of good: PSNR ") for note in quality.notes)
    assert quality.command == ""
    assert costs.sections == (("trained", ("fidelity",)),)
    assert [column.cells["fidelity"] for column in costs.columns[:2]] == ["161", "139"]
    notes = "\n".join(costs.notes)
    assert "4000 resamples" in notes
    assert "One seed, so that the variance of training is not in the interval: single." in notes
    assert "fidelity: recipe fidelity, seed 0, SHA-256 " in notes
    assert costs.command == "zerokd benchmark ..."


def test_the_files(measured, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    names = write_benchmark(measured, out)
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    means = list(csv.DictReader(io.StringIO((out / "means.csv").read_text())))
    assert len(means) == len(measured.entries) * len(measured.results[0].columns)
    good = next(row for row in means if (row["method"], row["column"]) == ("good", "reference.psnr"))
    data = json.loads((out / "benchmark.json").read_text())
    assert float(good["mean"]) == data["sets"]["low"]["means"]["good"]["reference.psnr"]["value"]
    assert float(good["low"]) <= float(good["mean"]) <= float(good["high"])
    assert (good["seeds"], good["leads"]) == ("2", "1")
    images = list(csv.DictReader(io.StringIO((out / "images.csv").read_text())))
    assert len(images) == 3 * 9
    mine = [float(row["reference.psnr"]) for row in images if row["method"] in ("g0", "g1")]
    assert sum(mine) / 6 == pytest.approx(float(good["mean"]))
    assert (out / "table.tex").read_text().count(r"\begin{table}") == 2
    assert "``" not in (out / "table.md").read_text()


def test_the_summary_fits_a_terminal(measured):
    lines = list(describe_benchmark(measured))
    assert lines[0] == "low, 3 photos"
    assert any(line.startswith("  PSNR      ") and line.endswith("good") for line in lines)
    assert max(map(len, lines)) <= 80
    assert any("may be as good: " in line for line in lines)
