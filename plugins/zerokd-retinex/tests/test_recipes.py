"""The package as a person meets it: installed, by its command, in a folder of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import zerokd

RECIPES = Path(__file__).parents[1] / "recipes"
TINY = ("--set", "data.size=32", "--set", "data.count=12", "--set", "threads=1")


def zerokd_command(*arguments, cwd):
    command = [sys.executable, "-m", "zerokd", *map(str, arguments)]
    completed = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=240)
    assert "Traceback" not in completed.stderr, completed.stderr
    return completed


def dark(size=40):
    return 0.1 * torch.rand((2, 3, size, size), generator=torch.Generator().manual_seed(0))


def test_trained_from_nothing_it_brightens(tmp_path):
    completed = zerokd_command("run", RECIPES / "retinex.toml", *TINY, "--epochs", "12", "--out", "out", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["plugins"]["zerokd-retinex:retinex"].startswith("zerokd-retinex ")
    student, low = zerokd.load_model(tmp_path / "out" / "student.safetensors"), dark()
    assert type(student).__name__ == "Retinex"
    with torch.no_grad():
        enhanced = student(low)["enhanced"]
    assert enhanced.mean() > 1.5 * low.mean()
    assert enhanced.max() <= 1


@pytest.mark.parametrize(
    ("recipe", "student"), [("retinex_to_nano.toml", "NanoDce"), ("zero_dce_to_retinex.toml", "Retinex")]
)
def test_distilled_across_families_it_comes_nearer_to_its_teacher(tmp_path, recipe, student):
    completed = zerokd_command("run", RECIPES / recipe, *TINY, "--epochs", "40", "--out", "out", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    lines = map(json.loads, (tmp_path / "out" / "metrics.jsonl").read_text().splitlines())
    epochs = [line["terms"]["distillation.enhanced"]["value"] for line in lines if line["kind"] == "epoch"]
    assert epochs[-1] < 0.7 * epochs[0]
    assert type(zerokd.load_model(tmp_path / "out" / "student.safetensors")).__name__ == student


def test_an_illumination_of_1_is_known_to_change_nothing(tmp_path):
    """Smoothness and equal contrast alone are least there, and `check` knows it from what the model declares."""
    terms = ('terms.brightness.exposure={use="spatial_consistency"}', "terms.illumination.fidelity.monitor=true")
    settings = [part for term in terms for part in ("--set", term)]
    completed = zerokd_command("check", RECIPES / "retinex.toml", *TINY, *settings, cwd=tmp_path)
    assert completed.returncode == 2
    assert "stage 'train': the objective is least when the student changes nothing" in completed.stderr
