"""Pages are followed, command by command, in a folder of their own; what they show is what comes."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from PIL import Image

from tests.conftest import RECIPES, ROOT

FOLLOWED = {"tutorial_own_loss.md": "runs/mine/samples/distill.png", "use.md": "diff.html"}  # and what is there then
SMALL = ["data.size=32", "data.count=6", "threads=1", 'terms.distillation.perceptual.weights="random"']


def photos(folder):
    folder.mkdir()
    for number in range(6):
        levels = np.random.default_rng(number).integers(0, 60, (40, 48, 3)).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{number}.png")


def run(line, folder):
    """One command; those that would take minutes get a small recipe."""
    command, _, comment = re.match(r"(.*?)(  +# (.*))?$", line).groups(default="")
    words = shlex.split(command)
    if words[:1] == ["zerokd"] and words[1] in ("run", "check", "explain"):
        words += [part for one in SMALL for part in ("--set", one)]
    programs = {"zerokd": [sys.executable, "-m", "zerokd"], "python": [sys.executable]}
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    if words[0] in programs:
        done = subprocess.run(
            [*programs[words[0]], *words[1:]], cwd=folder, env=env, capture_output=True, text=True, timeout=240
        )
    else:
        done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=240)
    wanted = int(comment.removeprefix("exit code ")) if comment.startswith("exit code ") else 0
    assert done.returncode == wanted, (line, done.stdout, done.stderr)
    return done.stdout + done.stderr


def blocks(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```$", text, re.S | re.M)


@pytest.mark.parametrize("page", FOLLOWED)
def test_it_can_be_followed(tmp_path, page, monkeypatch):
    monkeypatch.setenv("ZEROKD_CACHE", str(tmp_path / "cache"))
    shutil.copytree(RECIPES, tmp_path / "recipes")
    photos(tmp_path / "photos")
    found = blocks(page)
    assert [kind for kind, _, _ in found].count("console") >= 7
    for kind, more, text in found:
        if "file=" in more:
            (tmp_path / more.strip().removeprefix("file=")).write_text(text)
        elif kind == "toml":
            assert tomllib.loads(text)
        elif kind == "console" and "skip" not in more:
            output = ""
            for line in text.splitlines():
                if line.startswith("$ "):
                    output = run(line.removeprefix("$ "), tmp_path)
                else:
                    assert " ".join(line.split()) in " ".join(output.split()), (line, output)
    assert (tmp_path / FOLLOWED[page]).exists()


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+\.md)", (ROOT / "docs" / page).read_text(encoding="utf-8")):
        assert (ROOT / "docs" / target).exists(), target
