"""The tutorial is followed, command by command, in a folder of its own; what it shows is what comes."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.conftest import RECIPES, ROOT

PAGE = (ROOT / "docs/tutorial_own_loss.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```$", PAGE, re.S | re.M)
SMALL = ["data.size=32", "data.count=6", "threads=1", 'terms.distillation.perceptual.weights="random"']


def run(line, folder):
    """One command; those that would take minutes get a small recipe."""
    command, _, comment = line.partition("     # ")
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
    wanted = int(comment.removeprefix("exit code ")) if comment else 0
    assert done.returncode == wanted, (line, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_it_has_what_it_takes():
    assert [kind for kind, _, _ in BLOCKS].count("console") >= 8


def test_it_can_be_followed(tmp_path):
    shutil.copytree(RECIPES, tmp_path / "recipes")
    for kind, more, text in BLOCKS:
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
    assert (tmp_path / "runs/mine/samples/distill.png").exists()


@pytest.mark.parametrize("page", ["tutorial_own_loss.md", "plugins.md", "nothing_is_lost.md", "objective.md"])
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+\.md)", (ROOT / "docs" / page).read_text(encoding="utf-8")):
        assert (ROOT / "docs" / target).exists(), target
