"""What ``zerokd new`` writes works as it is."""

import os
import subprocess
import sys

import pytest

from tests.command import run_pytest
from tests.conftest import ROOT
from zerokd.errors import RecipeError, RunFolderError
from zerokd.plugin.discovery import discover_plugins
from zerokd.plugin.kinds import KINDS
from zerokd.templates.scaffold import (
    KINDS_BY_WORD,
    check_component_name,
    check_file_name,
    render_package,
    render_single_file,
    write_files,
)
from zerokd.testing.outcomes import has_failed_checks, run_checks

FOLDER = ROOT / "zerokd/templates"
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def test_there_is_a_start_for_every_kind():
    assert all((FOLDER / f"{word}{test}.txt").is_file() for word in KINDS_BY_WORD for test in ("", "_test"))
    assert len(KINDS_BY_WORD) == len(KINDS)


@pytest.mark.parametrize("word", KINDS_BY_WORD)
def test_the_tests_of_a_new_package_pass_at_once(tmp_path, word):
    folder = tmp_path / f"zerokd-my-{word}"
    write_files(render_package(word, f"my_{word}"), folder)
    completed = run_pytest("-q", "-p", "no:cacheprovider", cwd=folder, env=ENV)
    assert completed.returncode == 0, completed.stdout
    assert "xfailed" not in completed.stdout


@pytest.mark.parametrize("word", KINDS_BY_WORD)
def test_a_plugin_in_one_file_passes_the_same_checks(tmp_path, word):
    write_files(render_single_file(word, f"lone_{word}"), tmp_path)
    catalogue = discover_plugins([tmp_path / f"lone_{word}.py"], strict=True)
    result = list(run_checks(f"lone_{word}", catalogue))
    assert len(result) > 7
    assert not has_failed_checks(result), result


@pytest.mark.parametrize("word", KINDS_BY_WORD)
def test_only_public_names_are_used(word):
    for path, text in render_package(word, "fine").items():
        lines = [line for line in text.splitlines() if line.startswith(("from zerokd", "import zerokd"))]
        allowed = ("import zerokd", "from zerokd import ", "from zerokd.testing import ", "import zerokd_fine")
        assert all(line.startswith((*allowed, "from zerokd_fine.")) for line in lines), path


def test_it_is_clean_for_ruff_and_mypy(tmp_path):
    for word in KINDS_BY_WORD:
        write_files(render_package(word, f"my_{word}"), tmp_path / word)
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "."], cwd=tmp_path, check=True)
    subprocess.run([*ruff, "format", "--check", "."], cwd=tmp_path, check=True)
    path = os.pathsep.join(str(tmp_path / word) for word in KINDS_BY_WORD)
    packages = [option for word in KINDS_BY_WORD for option in ("-p", f"zerokd_my_{word}")]
    completed = subprocess.run(  # with the project's settings, so that the cache of `make lint` serves
        [sys.executable, "-m", "mypy", *packages],
        cwd=ROOT,
        env=ENV | {"MYPYPATH": path},
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stdout


def test_the_template_package_is_what_new_writes():
    folder = ROOT / "plugins/zerokd-charbonnier"
    expected = render_package("loss", "charbonnier")
    for path, text in expected.items():
        assert (folder / path).read_text(encoding="utf-8") == text, f"{path}: run zerokd new loss charbonnier"
    saved = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {path for path in saved if not any(part in path for part in ("cache", "egg-info"))} == set(expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MyLoss", "write my_loss"),
        ("my-loss", "write my_loss"),
        ("2nd", "write nd"),
        ("ünï", "write n"),
        ("", "write something like"),
        ("lambda", "a word of Python"),
        ("x" * 41, "longer than 40"),
        ("mse", "zerokd has a built-in loss 'mse'"),
        ("../up", "write up"),
    ],
)
def test_a_name_that_cannot_serve_is_refused_with_a_better_one(name, message):
    with pytest.raises(RecipeError, match=message):
        check_component_name("loss", name, discover_plugins())


def test_nothing_that_is_there_is_touched(tmp_path):
    contents = render_package("loss", "fine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    with pytest.raises(RunFolderError, match="already exists"):
        write_files(contents, tmp_path / "full")
    assert os.listdir(tmp_path / "full") == ["mine.txt"]
    (tmp_path / "fine.py").write_text("kept")
    with pytest.raises(RunFolderError, match="already exists"):
        write_files(render_single_file("loss", "fine"), tmp_path)
    assert (tmp_path / "fine.py").read_text() == "kept"
    (tmp_path / "empty").mkdir()
    write_files(contents, tmp_path / "empty")
    assert (tmp_path / "empty" / "pyproject.toml").exists()


def test_all_or_nothing(tmp_path, monkeypatch):
    from pathlib import Path

    real, calls = Path.write_text, []

    def full(self, *arguments, **named):
        calls.append(self)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunFolderError, match="No space left on device"):
        write_files(render_package("loss", "fine"), tmp_path / "fine")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["zerokd", "torch", "json", "con", "lpt1"])
def test_a_file_that_would_hide_a_module_or_a_device_is_refused(name):
    with pytest.raises(RecipeError, match=f"a file {name}.py would hide") as caught:
        check_file_name(name)
    assert caught.value.problems[0].hints == (f"write my_{name}",)
