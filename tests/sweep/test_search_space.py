import pytest

from tests.sweep.small import document
from zerokd.errors import RecipeError
from zerokd.sweep.search_space import (
    Choice,
    NumericRange,
    apply_point,
    build_grid,
    describe_point,
    parse_choice,
    parse_numeric_range,
)

RECIPE = document()


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("alpha=0.3,0.35", Choice("params.alpha", (0.3, 0.35))),
        ("terms.task.color.monitor=true,false", Choice("terms.task.color.monitor", (True, False))),
        ('data.use="folder","dead_leaves"', Choice("data.use", ("folder", "dead_leaves"))),
        ("terms.task.spatial.padding=zeros,replicate", Choice("terms.task.spatial.padding", ("zeros", "replicate"))),
        ("terms.distillation.enhanced.adapt=[],['gap']", Choice("terms.distillation.enhanced.adapt", ([], ["gap"]))),
        ("seed=0,1", Choice("seed", (0, 1))),
    ],
)
def test_values_are_toml_and_what_is_none_is_text(text, choice):
    assert parse_choice(text, RECIPE) == choice


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("alpha=0.1:0.5", NumericRange("params.alpha", 0.1, 0.5)),
        (
            "stages.distill.optimizer.learning_rate=1e-4:1e-2:log",
            NumericRange("stages.distill.optimizer.learning_rate", 1e-4, 1e-2, True),
        ),
        ("stages.distill.batch=2:8", NumericRange("stages.distill.batch", 2, 8)),
    ],
)
def test_ranges(text, span):
    assert parse_numeric_range(text, RECIPE) == span
    assert span.is_integer == (span.key == "stages.distill.batch")


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (parse_choice, "alpha", "expected a key and its values"),
        (parse_choice, "alpha=", "expected a key and its values"),
        (parse_choice, "alpah=1,2", "no param 'alpah' .setting.\n  did you mean 'alpha'?"),
        (parse_choice, "alpha=0.3,0.30", "listed twice"),
        (parse_numeric_range, "alpha=0.5:0.1", "expected a range"),
        (parse_numeric_range, "alpha=0:1:log", "expected a range"),
        (parse_numeric_range, "alpha=a:b", "expected a range"),
        (parse_numeric_range, "alpha=1", "expected a range"),
        (parse_numeric_range, "alpha=true:false", "expected a range"),
    ],
)
def test_mistakes_say_what_is_wanted(read, text, message):
    with pytest.raises(RecipeError, match=message):
        read(text, RECIPE)


def test_a_grid_has_every_combination_the_last_key_fastest():
    points = build_grid([Choice("a.b", (1, 2)), Choice("c.d", ("x", "y"))])
    assert points == [{"a.b": n, "c.d": t} for n in (1, 2) for t in ("x", "y")]


def test_a_key_is_varied_once_and_a_grid_has_an_end():
    with pytest.raises(RecipeError, match="varied twice"):
        build_grid([Choice("a.b", (1,)), Choice("a.b", (2,))])
    with pytest.raises(RecipeError, match="more than 100000"):
        build_grid([Choice(f"a.{n}", tuple(range(100))) for n in range(3)])


def test_a_point_is_laid_over_the_recipe():
    tables = apply_point(RECIPE, {"params.alpha": 0.4, "terms.task.color.weight": 2.0}).tables
    assert tables["params"]["alpha"] == 0.4
    assert tables["terms"]["task"]["color"]["weight"] == 2.0
    assert RECIPE.tables["params"]["alpha"] == 0.35
    assert describe_point({"params.alpha": 0.4, "terms.task.spatial.padding": "zeros"}) == (
        'alpha = 0.4, terms.task.spatial.padding = "zeros"'
    )
