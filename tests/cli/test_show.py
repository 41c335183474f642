"""``zerokd show``: the resolved recipe, for people and for a pipe."""

import subprocess
import sys
import tomllib

import pytest

from tests.conftest import RECIPES


def zerokd(*arguments, cwd=None):
    command = [sys.executable, "-m", "zerokd", "show", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=240)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_resolved_recipe_is_toml_with_the_origin_of_every_value(tmp_path):
    (tmp_path / "paper.toml").write_text((RECIPES / "paper.toml").read_text())
    (tmp_path / "mine.toml").write_text('extends = "paper.toml"\nname = "mine"\n')
    done = zerokd("mine.toml", "--resolved", "--set", "params.alpha=0.4", "--epochs", "14", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tables = tomllib.loads(done.stdout)
    assert (tables["name"], tables["params"]) == ("mine", {"alpha": 0.4, "beta": 0.1})
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert 'name = "mine" # mine.toml:2' in lines
    assert "alpha = 0.4 # --set params.alpha=0.4" in lines
    assert "beta = 0.1 # paper.toml:15" in lines
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
    done = zerokd(*arguments, "--resolved", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_reader_that_leaves_early_is_no_failure():
    text = f'set -o pipefail; "{sys.executable}" -m zerokd show "{RECIPES / "paper.toml"}" --resolved | head -1'
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
