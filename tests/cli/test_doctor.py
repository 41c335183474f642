"""``zerokd doctor``, and all else that works where torchvision does not."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import RECIPES

SMALL = ["--set", "data.size=32", "--set", "data.count=6", "--set", "threads=1"]


@pytest.fixture
def broken(tmp_path):
    """A torchvision as it is beside the torch of another build."""
    (tmp_path / "path" / "torchvision").mkdir(parents=True)
    text = 'raise RuntimeError("operator torchvision::nms does not exist")'
    (tmp_path / "path" / "torchvision" / "__init__.py").write_text(text)
    return {**os.environ, "PYTHONPATH": f"{tmp_path / 'path'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def zerokd(*arguments, env=None, cwd=None):
    command = [sys.executable, "-m", "zerokd", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=240)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_torchvision_that_does_not_fit_is_found_and_the_fix_is_told(tmp_path, broken):
    done = zerokd("doctor", env=broken, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "operator torchvision::nms does not exist" in done.stdout
    assert "fix: pip install --force-reinstall torch torchvision" in done.stdout
    assert not list(tmp_path.glob("*.tmp"))


def test_json_is_json(tmp_path):
    assert {load["state"] for load in json.loads(zerokd("doctor", "--json", cwd=tmp_path).stdout)} <= {"ok", "warn"}


def test_the_paper_recipe_is_checked_without_torchvision_and_says_its_fallback(tmp_path, broken):
    settings = [*SMALL, "--set", 'terms.distillation.perceptual.weights="imagenet"']
    settings += ["--set", 'terms.distillation.perceptual.fallback="random"']
    variables = broken | {"ZEROKD_CACHE": str(tmp_path)}
    done = zerokd("check", RECIPES / "paper.toml", *settings, env=variables, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "FALLBACK: vgg_perceptual: random weights" in done.stdout
    assert "torchvision::nms" in " ".join(done.stdout.split())
