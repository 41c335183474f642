"""The order of stages: unknown and repeated names are reported at their place."""

import pytest

from tests.conftest import RECIPES
from zerokd.errors import RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.document import parse_document


def check(text):
    return check_recipe(parse_document(text, "mine.toml"), discover_plugins())


def test_stages_run_in_the_order_of_run():
    _, components = check((RECIPES / "paper.toml").read_text())
    assert [stage.name for stage in components.stages] == ["pretrain", "distill"]


@pytest.mark.parametrize(
    ("run", "message"),
    [('["pretrain", "distil"]', "unknown stage 'distil'"), ('["distill", "distill"]', "stage 'distill' runs twice")],
)
def test_a_wrong_order_is_reported_at_its_name(run, message):
    text = (RECIPES / "paper.toml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("run "))
    with pytest.raises(RecipeError, match=message) as caught:
        check(text.replace(line, f"run = {run}"))
    (problem,) = [problem for problem in caught.value.problems if message in problem.message]
    assert problem.place.column == run.rindex('"dist') + len("run = ") + 1
