"""``zerokd benchmark`` from the command line."""

import json

import pytest

from tests.command import zerokd
from tests.pairs import write_pairs


@pytest.fixture
def folders(tmp_path):
    write_pairs(tmp_path, ("0", "1"))
    return tmp_path


def test_recipes_and_students_on_two_sets(folders):
    options = ["--pairs", "low", "high", "--student", "fidelity", "--recipe", "supervised", "--seed", "1"]
    options += ["--seed", "0", "--set", "data.size=32", "--set", "data.count=4", "--epochs", "2", "--threads", "1"]
    options += ["--quiet"]
    done = zerokd("benchmark", *options, cwd=folders)
    assert done.returncode == 0
    assert all(line.startswith("caution: ") for line in done.stderr.splitlines())
    lines = done.stdout.splitlines()
    assert lines[0] == "low, 2 photos"
    assert lines[-1] == "benchmark: table.md, table.tex, means.csv, images.csv, benchmark.json"
    data = json.loads((folders / "benchmark/benchmark.json").read_text())
    assert data["entries"]["supervised"]["seeds"] == [0, 1]
    assert data["command"].startswith("zerokd benchmark --pairs low high")
    assert "reference.gt_mean_ssim" in data["sets"]["low"]["means"]["fidelity"]

    (folders / "low/2.png").write_text("no")  # again, with a photo that fails: the students are not trained anew
    again = zerokd("benchmark", *options, cwd=folders)
    assert again.returncode == 1
    assert "2.png" in again.stderr
    assert "training" not in again.stderr


def test_mistakes_are_told_before_anything_runs(folders):
    done = zerokd("benchmark", "--student", "fidelity", cwd=folders)
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --pairs LOW REFERENCES or --photos DIR" in done.stderr
    done = zerokd("benchmark", "--photos", "low", "--metric", "nothing", cwd=folders)
    assert done.returncode == 2
    assert "nothing" in done.stderr
    done = zerokd("benchmark", "--photos", "low", "--recipe", "paper", "--set", "params.alpha=2", cwd=folders)
    assert done.returncode == 2
    assert "alpha" in done.stderr
    assert not (folders / "benchmark").exists()
