"""What a recipe exports; mistakes are errors before the first step, each at its place."""

import pytest

from tests.conftest import RECIPES, TINY
from zerokd.errors import RecipeError
from zerokd.objective.selection import Selection
from zerokd.plugin.discovery import discover_plugins
from zerokd.recipe.build.overrides import apply_settings
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.extends import read_recipe_document

TRUTH = '[metrics.truth]\nuse = "psnr"\non = { target = "reference" }\n'


def check(text, path):
    path.write_text(f'extends = "{RECIPES / "paper.toml"}"\nname = "mine"\n{text}')
    return check_recipe(apply_settings(read_recipe_document(path), TINY), discover_plugins())[1]


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("", Selection()),
        ('export = "average"', Selection("average", average="ema")),
        (f"measure_every = 2\n{TRUTH}", Selection(measure_every=2)),
        (
            f'export = "best"\nmeasure_every = 1\n[best]\nmetric = "truth"\npatience = 3\n{TRUTH}',
            Selection("best", 1, "truth", "higher", 3),
        ),
    ],
)
def test_what_a_recipe_exports(tmp_path, text, selection):
    assert check(text, tmp_path / "mine.toml").selection == selection


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ('export = "best"', "3:10", 'export = "best" needs the table [best]', "add [best]"),
        ('export = "bost"', "3:10", "export: input should be 'student', 'average' or 'best'", ""),
        ("measure_every = 1", "3:17", "measure_every: the recipe has no metric", "[metrics.NAME]"),
        (f'measure_every = 1\n[best]\nmetric = "truht"\n{TRUTH}', "5:10", "unknown metric 'truht'", "'truth'"),
        (f'[best]\nmetric = "truth"\n{TRUTH}', "3:2", "measured at the end of a stage only", "measure_every = 1"),
        (f"measure_every = 1\n[best]\npatience = 3\n{TRUTH}", "4:2", "best lacks the key 'metric'", "name of a metric"),
    ],
)
def test_a_mistake_is_an_error_at_its_place(tmp_path, text, place, message, hint):
    with pytest.raises(RecipeError) as caught:
        check(text, tmp_path / "mine.toml")
    (problem,) = [problem for problem in caught.value.problems if message in problem.message]
    assert f"{problem.place.line}:{problem.place.column}" == place
    assert hint in " ".join(problem.hints)


def test_an_average_must_be_there_and_the_only_one(build):
    with pytest.raises(RecipeError, match="the recipe has 2 averages of the student"):
        build("export='average'", "models.slow={average_of='student'}")
    with pytest.raises(RecipeError, match="the recipe has no averages of the student"):
        build("export='average'", recipe="teacher.toml", small=("data.count=6", "data.size=32"))
