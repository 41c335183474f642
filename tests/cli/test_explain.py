"""``zerokd explain`` from a shell."""

import json

import pytest

from tests.command import zerokd
from tests.conftest import RECIPES, TINY
from tests.latex import compile_latex, needs_latex


def explain(*options):
    settings = [part for setting in TINY for part in ("--set", setting)]
    return zerokd("explain", RECIPES / "paper.toml", *settings, *options)


def test_text_json_and_latex():
    done = explain()
    assert done.returncode == 0, done.stderr
    assert "objective = alpha*distillation" in done.stdout
    assert "\x1b" not in done.stdout
    assert json.loads(explain("--json").stdout)["stages"][1]["terms"][0]["effective"] == [0.35, 0.35]
    assert explain("--latex").stdout.startswith("% pretrain\n\\[\n\\begin{aligned}")


@needs_latex
@pytest.mark.parametrize("recipe", ["paper", "adversarial", "best"])
def test_latex_compiles_and_fits_the_page(recipe, tmp_path):
    settings = ["--set", "data.count=6", "--set", "data.size=32"]
    done = zerokd("explain", RECIPES / f"{recipe}.toml", *settings, "--latex")
    assert done.returncode == 0, done.stderr
    log = compile_latex(done.stdout, tmp_path, r"\usepackage{amsmath}")
    assert "Overfull" not in log


def test_mistakes_of_all_kinds_come_together():
    done = explain("--set", "params.alpha=0.95", "--set", "terms.task.color.use=nope", "--set", "seed=-1")
    assert done.returncode == 2
    assert done.stderr.count("--set") >= 2
    assert "unknown loss 'nope'" in done.stderr
    assert "seed: input should be" in done.stderr
    assert "Traceback" not in done.stderr
