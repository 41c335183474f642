"""The package of a wrapped loss passes its own tests, is clean, and its snippet fits the schema."""

import os
import subprocess
import sys

import pytest

from tests.command import run_pytest
from tests.conftest import ROOT
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.library_callable import find_callable
from zerokd.templates.scaffold import write_files
from zerokd.templates.wrapped_loss import component_name, format_python, render_wrapped_file, render_wrapped_package
from zerokd.testing.declaration_guess import guess_declaration
from zerokd.testing.outcomes import has_failed_checks, run_checks

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
PATHS = {
    "piq.gmsd": "piq",
    "kornia.losses.SSIMLoss": "kornia",
    "torchmetrics.functional.image.universal_image_quality_index": "torchmetrics",
}


@pytest.mark.parametrize("path", PATHS)
def test_the_package_of_an_installed_function_passes_its_own_tests(tmp_path, path):
    pytest.importorskip(PATHS[path], reason=f"{PATHS[path]} is not installed")
    library = find_callable(path)
    guess = guess_declaration(library, "TriedLoss")
    files = render_wrapped_package("tried_loss", guess.declaration, guess.undecided)
    write_files(files, tmp_path / "package")
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "."], cwd=tmp_path / "package", check=True)
    subprocess.run([*ruff, "format", "--check", "."], cwd=tmp_path / "package", check=True)
    done = run_pytest("-q", "-p", "no:cacheprovider", cwd=tmp_path / "package", env=ENV)
    assert done.returncode == 0, done.stdout
    assert f'"{PATHS[path]}>={library.version}"' in files["pyproject.toml"]
    marked = files["zerokd_tried_loss/tried_loss.py"].count("# decide: ")
    assert marked == len(guess.undecided) == files["README.md"].count("\n* ") - len(guess.declaration.known_failures)


def test_one_file_passes_the_same_checks(tmp_path):
    guess = guess_declaration(find_callable("torch.nn.functional.smooth_l1_loss"), "TriedLoss")
    write_files(render_wrapped_file("tried_loss", guess.declaration, guess.undecided), tmp_path)
    catalogue = discover_plugins([tmp_path / "tried_loss.py"], strict=True)
    outcomes = list(run_checks("tried_loss", catalogue))
    assert len(outcomes) > guess.check_count
    assert not has_failed_checks(outcomes), outcomes


@pytest.mark.parametrize(
    ("library_name", "name"),
    [("gmsd", "gmsd"), ("MS_SSIMLoss", "ms_ssim_loss"), ("L1Loss", "l1_loss"), ("SSIMLoss", "ssim_loss")],
)
def test_the_name_of_a_component_follows_from_the_librarys(library_name, name):
    assert component_name(library_name) == name


@pytest.mark.parametrize(
    "value", [1.5, float("inf"), -float("inf"), 'a "quote"', (1,), ("a", 2.0), True, {"a": (1.0, float("inf"))}]
)
def test_python_reads_what_is_written(value):
    assert eval(format_python(value), {}) == value
