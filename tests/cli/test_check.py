"""``zerokd check`` as a person meets it."""

import json
import subprocess
import sys

from tests.command import PHASE_LINE, zerokd
from tests.conftest import RECIPES

TINY = ["data.size=32", "data.count=6", "threads=1", "terms.distillation.perceptual.weights=random"]
CHECK = ["check", str(RECIPES / "paper.toml")]
for setting in TINY:
    CHECK += ["--set", setting]


def check(*arguments, cwd):
    done = zerokd(*CHECK, *arguments, cwd=cwd)
    assert not list(cwd.iterdir())
    return done


def test_a_sound_recipe_is_shown_in_a_pipe(tmp_path):
    done = check(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "contrastive.ema " in done.stdout
    assert "every term trains the student" in done.stdout


def test_json_is_one_object(tmp_path):
    done = check("--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [len(stage["terms"]) for stage in json.loads(done.stdout)["stages"]] == [3, 14]


def test_a_trap_ends_in_exit_code_2_at_its_place(tmp_path):
    done = check("--set", 'terms.pretraining.again={use="color_constancy"}', cwd=tmp_path)
    assert done.returncode == 2
    assert "pretraining.again: the same as pretraining.color" in done.stderr
    assert not done.stdout


def test_missing_weights_end_in_exit_code_3(tmp_path):
    assert check("--set", "models.teacher.weights=no.pth", cwd=tmp_path).returncode == 3


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    run = subprocess.Popen(
        [sys.executable, "-m", "zerokd", *CHECK],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run.stdout.close()
    assert run.wait(timeout=240) == 0
    assert PHASE_LINE.sub("", run.stderr.read()) == ""
    run.stderr.close()
