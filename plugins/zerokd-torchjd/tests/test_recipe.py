"""The recipe runs, says how it aggregates, and repeats."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[1] / "recipes" / "paper_upgrad.toml"
TINY = ("data.size=32", "data.count=6", "threads=1", 'terms.distillation.perceptual.weights="random"')


@pytest.mark.parametrize("use", ["upgrad", "pcgrad"])
def test_a_small_run_repeats_and_names_its_aggregator(tmp_path, use):
    settings = [part for first in (*TINY, f"stages.distill.aggregate.use={use}") for part in ("--set", first)]
    for name in ("one", "two"):
        command = [sys.executable, "-m", "zerokd", "run", str(RECIPE), *settings, "--epochs", "3", "--out", name]
        completed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=240)
        assert completed.returncode == 0, completed.stderr
        assert use in completed.stdout
    first, second = ((tmp_path / name / "student.safetensors").read_bytes() for name in ("one", "two"))
    assert first == second
    plugins = json.loads((tmp_path / "one" / "manifest.json").read_text())["plugins"]
    assert plugins[f"zerokd-torchjd:{use}"] == "zerokd-torchjd 0.1.0"
