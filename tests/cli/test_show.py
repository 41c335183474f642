"""``zerokd show``: a component or a resolved recipe, for people and for a pipe."""

import json
import subprocess
import sys
import tomllib

import pytest

from tests.command import zerokd
from tests.conftest import RECIPES


def show(*arguments, cwd=None):
    return zerokd("show", *arguments, cwd=cwd)


def test_a_resolved_recipe_is_toml_with_the_origin_of_every_value(tmp_path):
    text = (RECIPES / "paper.toml").read_text()
    (tmp_path / "paper.toml").write_text(text)
    (tmp_path / "mine.toml").write_text('extends = "paper.toml"\nname = "mine"\n')
    line = next(number for number, one in enumerate(text.splitlines(), 1) if one.startswith("beta "))
    done = show("mine.toml", "--resolved", "--set", "params.alpha=0.4", "--epochs", "14", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tables = tomllib.loads(done.stdout)
    assert (tables["name"], tables["params"]) == ("mine", {"alpha": 0.4, "beta": 0.1})
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert 'name = "mine" # mine.toml:2' in lines
    assert "alpha = 0.4 # --set params.alpha=0.4" in lines
    assert f"beta = 0.1 # paper.toml:{line}" in lines
    assert "epochs = 10 # --epochs 14" in lines
    assert "dark_target = 0.95 # default" in lines
    assert {path.name for path in tmp_path.iterdir()} == {"paper.toml", "mine.toml"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.toml"], "nowhere.toml: there is no such file"),
        ([RECIPES / "paper.toml", "--set", "terms.task.color.use=colour_constancy"], "unknown loss 'colour_constancy'"),
        ([RECIPES / "paper.toml", "--set", "params.alpha=x"], "--set params.alpha=x: params.alpha: input should be"),
        ([RECIPES / "paper.toml", "--plugin", "nowhere.py"], "plugin nowhere is broken"),
    ],
)
def test_a_recipe_with_mistakes_is_not_shown(tmp_path, arguments, told):
    done = show(*arguments, "--resolved", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.parametrize("name", ["mse", "zerokd:mse"])
def test_a_component_has_a_page(name):
    done = show(name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mse: ")
    assert "\nloss of zerokd " in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stdout.endswith('In a recipe\n  [terms.distillation.mse]\n  use = "mse"\n')


def test_a_component_as_json():
    (found,) = json.loads(show("folder", "--json").stdout)
    assert (found["kind"], found["name"]) == ("data", "folder")
    assert next(key for key in found["config"] if key["key"] == "path")["required"] is True


PLUGIN = """
import zerokd

class Gap(zerokd.Augmentation):
    "A gap of another kind."

@zerokd.hookimpl
def zerokd_augmentations():
    return [zerokd.AugmentationSpec("gap", target=f"{__name__}:Gap", summary="another thing")]
"""


def test_a_name_in_two_kinds_shows_both(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    done = show("gap", "--plugin", "mine.py", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("gap: ")
    assert "\nadapter of zerokd" in done.stdout
    assert "\n\n\ngap: another thing\naugmentation of mine, " in done.stdout
    alone = show("mine:gap", "--plugin", "mine.py", cwd=tmp_path)
    assert alone.stdout.startswith("gap: another thing\n")
    assert 'use = "mine:gap"' in alone.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["msee"], "unknown component 'msee' [unknown-component]\n  did you mean 'mse'?"),
        (["recipes/paper.toml"], "`zerokd show FILE --resolved` shows a recipe"),
        (["zerokd:gp"], "did you mean 'zerokd:gap'?"),
        (["mse", "--seed", "3"], "need --resolved"),
        (["mse", "--set", "a=1"], "need --resolved"),
        (["x.toml", "--resolved", "--json"], "--json applies to components"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_shown_is_told_with_the_remedy(arguments, told):
    done = show(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.parametrize("subject", [f"{RECIPES / 'paper.toml'} --resolved", "multi_region_exposure"])
def test_a_reader_that_leaves_early_is_no_failure(subject):
    text = f'set -o pipefail; "{sys.executable}" -m zerokd show {subject} | true'
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
