"""Mistakes in a recipe: each named at its place, all at once."""

import pytest

from tests.conftest import RECIPES
from zerokd.errors import RecipeError
from zerokd.recipe.schema.recipe import AverageConfig, ModelConfig, validate_recipe, validate_recipe_partially
from zerokd.recipe.toml.document import parse_document
from zerokd.recipe.toml.extends import read_recipe_document

TEXT = """\
name = "small"
run = ["only"]
[params]
alpha = 0.5
[data]
use = "dead_leaves"
[models.student]
use = "nano_dce"
[models.ema]
average_of = "student"
decay = 0.9
[stages.only]
use = "self_supervised"
objective = "alpha*task"
epochs = 3
[stages.only.optimizer]
learning_rate = 1e-3
[terms.task.color]
use = "color_constancy"
adapt = ["gap", { use = "adaptive_pool" }]
weight = 2
extra = "is the plugin's business"
"""


def mistakes(*replacements):
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(RecipeError) as caught:
        validate_recipe(parse_document(text, "x.toml"))
    return caught.value.problems


def test_a_recipe_becomes_records():
    recipe = validate_recipe(parse_document(TEXT, "x.toml"))
    assert isinstance(recipe.models["student"], ModelConfig)
    assert isinstance(recipe.models["ema"], AverageConfig)
    term = recipe.terms["task"]["color"]
    assert [adapter.use for adapter in term.adapt] == ["gap", "adaptive_pool"]
    assert term.options == {"extra": "is the plugin's business"}
    assert (term.weight, recipe.seed, recipe.stages["only"].batch) == (2.0, 0, 4)
    assert recipe.stages["only"].optimizer.learning_rate == 1e-3


@pytest.mark.filterwarnings("error")
def test_what_was_understood_can_be_written_and_read_again():
    import tomli_w

    recipe = validate_recipe(parse_document(TEXT, "x.toml"))
    text = tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))
    assert "threads = 2" in text
    assert validate_recipe(parse_document(text, "y.toml")) == recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_shipped_recipes_are_valid(path):
    assert validate_recipe(read_recipe_document(path)).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "hint"),
    [
        ("epochs = 3", "epoch = 3", "x.toml:12:9", "stages.only lacks the key 'epochs'", "passes over"),
        ("epochs = 3", "epochs = 0", "x.toml:15:10", "stages.only.epochs: input should be greater than", "passes"),
        ("epochs = 3", "epochs = true", "x.toml:15:10", "should be a valid integer, got True", ""),
        ("epochs = 3", "epochs = 3.0", "x.toml:15:10", "got 3.0", ""),
        ("1e-3", "nan", "x.toml:17:17", "finite number, got nan", ""),
        ("1e-3", "-1.0", "x.toml:17:17", "greater than 0, got -1.0", ""),
        ("alpha = 0.5", 'alpha = "half"', "x.toml:4:9", "params.alpha: input should be a valid number, got 'half'", ""),
        ("alpha = 0.5", "alpha = inf", "x.toml:4:9", "finite number", ""),
        ("alpha = 0.5", "alpha = true", "x.toml:4:9", "valid number, got True", ""),
        (
            "weight = 2",
            "weight = -2",
            "x.toml:21:10",
            "terms.task.color.weight: input should be greater than or equal to 0",
            "",
        ),
        ('name = "small"', 'name = "../up"', "x.toml:1:8", "name: string should match pattern", ""),
        ('name = "small"', 'name = "/abs"', "x.toml:1:8", "got '/abs'", ""),
        ('name = "small"\n', "", "x.toml", "the recipe lacks the key 'name'", ""),
        ('run = ["only"]', "run = []", "x.toml:2:7", "run: tuple should have at least 1 item", "stages, in order"),
        ('run = ["only"]', 'run = "only"', "x.toml:2:7", "run: input should be a valid tuple", ""),
        (
            "decay = 0.9",
            "decay = 1.0",
            "x.toml:11:9",
            "models.ema.decay: input should be less than 1",
            "share of the average",
        ),
        ("decay = 0.9", "decai = 0.9", "x.toml:11:1", "unknown key 'models.ema.decai'", "'decay'"),
        ('use = "nano_dce"', "use = 3", "x.toml:8:7", "models.student.use: input should be a valid string, got 3", ""),
        (
            'use = "color_constancy"',
            "",
            "x.toml:18:13",
            "terms.task.color lacks the key 'use'",
            "name of the component",
        ),
        ('adapt = ["gap"', "adapt = [3", "x.toml:20:10", "terms.task.color.adapt.0", ""),
        ("[params]", "[parms]", "x.toml:3:2", "unknown key 'parms'", "did you mean 'params'?"),
        ("[stages.only]", "[stages.'o n']", "x.toml:12:9", "stages.o n", ""),
    ],
)
def test_a_mistake_is_told_at_its_place(old, new, place, message, hint):
    problems = [problem for problem in mistakes((old, new)) if str(problem.place) == place]
    assert problems, [str(problem) for problem in mistakes((old, new))]
    assert any(message in problem.message for problem in problems), [problem.message for problem in problems]
    assert any(hint in " ".join(problem.hints) for problem in problems)


def test_all_mistakes_are_told_at_once():
    problems = mistakes(("epochs = 3", "epochs = 0"), ("alpha = 0.5", "alpha = nan"), ("decay = 0.9", "decay = 2.0"))
    assert [problem.place.line for problem in problems] == [4, 11, 15]


def test_what_is_wrong_gives_way_to_its_default_a_stand_in_or_the_table_around_it():
    text = (
        TEXT.replace("alpha = 0.5", "alpha = true")
        .replace("learning_rate = 1e-3", "clip_norm = 0.0\nlearning_rate = 2.0")
        .replace("epochs = 3", "epochs = 0")
        .replace("decay = 0.9", "decay = 9")
        .replace('use = "nano_dce"', "use = 3")
        .replace("weight = 2", "weight = 2\n[terms.task.other]\nuse = 3\n[terms]\nempty = 3")
    )
    recipe, problems = validate_recipe_partially(parse_document(text, "x.toml"))
    assert len(problems) == 8
    assert recipe.params == {}
    stage = recipe.stages["only"]
    assert (stage.epochs, stage.optimizer.clip_norm, stage.optimizer.learning_rate) == (1, 0.1, 2.0)
    assert list(recipe.models) == ["ema"]
    assert recipe.models["ema"].decay == 0.999
    assert {group: list(terms) for group, terms in recipe.terms.items()} == {"task": ["color"]}


@pytest.mark.parametrize("text", ["", "data = 3\nrun = [3]\nname = 7", "stages = []\nterms = 1\nmodels = ''"])
def test_a_recipe_that_lacks_nearly_everything_is_understood_in_part(text):
    recipe, problems = validate_recipe_partially(parse_document(text, "x.toml"))
    assert (recipe.data, recipe.run, recipe.stages, recipe.terms) == (None, (), {}, {})
    assert len(problems) == 6
