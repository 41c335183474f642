"""What users install: sdist and wheel are built, and the wheel is tried without the clone, from an empty folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import ROOT
from tools.release import add_project_urls, make_links_absolute, prepare_release
from zerokd._version import __version__

URL = "https://example.org/owner/zerokd"
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "CHANGELOG.md", "CITATION.cff")
ALONE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ZEROKD_REAL")}
ALONE |= {"ZEROKD_PLUGINS": "", "NO_COLOR": "1"}
SMALL = ("data.size=32", "data.count=6", "threads=1", 'terms.distillation.perceptual.weights="random"')


def run(*words, cwd):
    """The output of a command that cannot import from the clone."""
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=ALONE, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The folder with sdist and wheel, built as a release is, from a copy of the sources."""
    if not find_spec("build"):
        pytest.skip("the package `build` is not installed")
    source, archives = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "zerokd", source / "zerokd", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "recipes").symlink_to("zerokd/recipes")
    prepare_release(source, URL, __version__)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", archives, source, cwd=archives)
    return archives


@pytest.fixture(scope="module")
def environment(archives, tmp_path_factory):
    """The programs of an environment with the wheel, which borrows all other packages from this one."""
    folder = tmp_path_factory.mktemp("environment")
    created = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if created.returncode:
        pytest.skip(f"no virtual environment can be created here: {created.stdout} {created.stderr}")
    run(folder / "bin/python", "-m", "pip", "install", "--no-index", "--no-deps", *archives.glob("*.whl"), cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # a line of a .pth adds a folder without that folder's own .pth files, of which one leads to the clone
    (packages / "borrowed.pth").write_text(f"{Path(torch.__file__).parents[1]}\n")
    return folder / "bin"


def test_both_archives_hold_the_package_and_nothing_of_the_clone(archives):
    (wheel,), (sdist,) = archives.glob("*.whl"), archives.glob("*.tar.gz")
    data = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "zerokd").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    in_wheel = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert in_wheel == data
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames() if not archive.getmember(name).isdir()}
    assert data <= in_sdist
    assert not {name.split("/")[0] for name in in_sdist} & {"tests", "docs", "tools", "plugins", "benchmarks"}
    if not find_spec("twine"):
        pytest.skip("the package `twine` is not installed")
    assert run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, cwd=archives).count("PASSED") == 2


def test_the_metadata_are_complete_and_every_link_works_on_an_index(archives):
    (wheel,) = archives.glob("*.whl")
    metadata = Parser().parsestr(
        zipfile.ZipFile(wheel).read(f"zerokd-{__version__}.dist-info/METADATA").decode("utf-8")
    )
    assert metadata["Version"] == __version__
    assert re.search(rf"^version: {re.escape(__version__)}$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert {"Name", "Summary", "Keywords", "Author", "License-Expression", "Requires-Python"} <= set(metadata.keys())
    assert len(metadata.get_all("Classifier")) >= 8
    labels = [value.split(", ")[0] for value in metadata.get_all("Project-URL")]
    assert labels == ["Source", "Documentation", "Changelog", "Issues"]
    targets = re.findall(r"\]\(([^)]+)\)", metadata.get_payload())
    assert len(targets) > 20
    for target in targets:
        assert target.startswith(f"{URL}/"), target
        file = re.sub(rf"^{URL}/(raw|blob)/v{re.escape(__version__)}/", "", target).partition("#")[0]
        assert (ROOT / file).exists(), target
    assert f"{URL}/raw/v{__version__}/docs/pictures/lead.jpg" in targets


def test_links_by_hand():
    text = "![a](b.png) [c](d/e.md#f) [g](https://h.org) [i](#j) [k](mailto:l)"
    expected = "![a](U/raw/v1/b.png) [c](U/blob/v1/d/e.md#f) [g](https://h.org) [i](#j) [k](mailto:l)"
    assert make_links_absolute(text, "U", "1") == expected
    with pytest.raises(ValueError, match=r"no \[project\.urls\]"):
        add_project_urls("[project.urls]\n[project.optional-dependencies]", "U", "1")


def test_the_wheel_works_from_an_empty_folder_without_the_clone(environment, tmp_path, monkeypatch):
    monkeypatch.setitem(ALONE, "ZEROKD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "empty"
    folder.mkdir()

    def zerokd(*words):
        return run(environment / "zerokd", *words, cwd=folder)

    where = run(environment / "python", "-c", "import zerokd; print(zerokd.__file__)", cwd=folder)
    assert Path(where.strip()).is_relative_to(environment.parent)
    assert "losses (" in zerokd("list")
    assert "two and a half minutes" in zerokd("list", "recipes")
    assert "Created mine.toml" in zerokd("new", "recipe", "mine", "--from", "paper")
    settings = [word for setting in SMALL for word in ("--set", setting)]
    assert "every term trains the student" in zerokd("check", "mine.toml", *settings)
    assert "report: run/report.html" in zerokd("run", "paper", *settings, "--epochs", "2", "--out", "run")
    assert 'name = "paper"' in (folder / "run/recipe.toml").read_text()
    levels = np.random.default_rng(0).integers(0, 60, (40, 48, 3)).astype(np.uint8)
    (folder / "photos").mkdir()
    Image.fromarray(levels).save(folder / "photos/dark.png")
    assert "Enhanced 1 file" in zerokd("enhance", "photos", "-o", "bright", "--student", "run")
    assert np.asarray(Image.open(folder / "bright/dark.png")).mean() > levels.mean()
    assert "against the teacher zero_dce_pp:bundled" in zerokd(
        "evaluate", "photos", "--student", "run/student.safetensors", "--teacher", "bundled"
    )
    assert "Matches PyTorch" in zerokd("export", "run/student.safetensors", "--format", "torchscript", "-o", "s.pt")
    assert json.loads(zerokd("schema"))["properties"]["terms"]
    assert "0.35" in zerokd("show", "paper", "--resolved")
    assert "Formula" in zerokd("show", "mse")
