"""Metrics are bound as terms are, and their mistakes are told at their place."""

import pytest

from tests.conftest import RECIPES
from zerokd.errors import RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document


def find_problems(tmp_path, lines):
    (tmp_path / "mine.toml").write_text(f"extends = '{RECIPES / 'paper.toml'}'\n{lines}")
    with pytest.raises(RecipeError) as caught:
        check_recipe(read_recipe_document(tmp_path / "mine.toml"), discover_plugins())
    return [(problem.place.line, problem.message, problem.hints) for problem in caught.value.problems]


def test_a_port_left_out_reads_its_default(build):
    (metric,) = build('metrics.one={use="psnr", on={target="reference"}}').metrics
    assert (metric.label, metric.use) == ("metrics.one", "psnr")
    assert metric.bindings == {"image": "student.enhanced", "target": "reference"}


def test_every_mistake_is_told_at_once_at_its_place(tmp_path):
    problems = find_problems(
        tmp_path,
        """[metrics.a]
use = "psnrr"
[metrics.b]
use = "psnr"
[metrics.c]
use = "psnr"
on = { target = "teacher.enhanced", picture = "low" }
[metrics.d]
use = "psnr"
on = { target = "teacher.enhance" }
[metrics.e]
use = "ssim"
window = 4
on = { target = "refrence" }
""",
    )
    assert [(line, message) for line, message, _ in problems] == [
        (3, "unknown metric 'psnrr'"),
        (4, "port 'target' of psnr is not bound"),
        (8, "psnr has no port 'picture'"),
        (11, "metrics.d: port 'target' reads 'teacher.enhance': no such output"),
        (14, "metrics.e.window: must be odd, so that the window has a centre: 3 or 5, got 4"),
    ]
    assert problems[0][2][0].startswith("did you mean 'psnr'?")


def test_an_input_that_no_metric_can_read_is_unknown(tmp_path):
    ((_, message, hints),) = find_problems(tmp_path, "[metrics.a]\nuse = 'psnr'\non = { target = 'refrence' }")
    assert message == "metrics.a: port 'target' reads 'refrence': no such input"
    assert hints == ("did you mean 'reference'?",)


def test_an_average_that_no_stage_updates_says_nothing_of_the_run(tmp_path):
    lines = "run = ['pretrain']\n[metrics.a]\nuse = 'psnr'\non = { target = 'ema.enhanced' }"
    messages = [message for _, message, _ in find_problems(tmp_path, lines)]
    assert "metrics.a: port 'target' reads 'ema.enhanced', and no stage updates 'ema'" in messages
