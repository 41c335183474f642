"""The params of a recipe."""

import pytest

import zerokd

PARTS = """
[stages.fit]
use = "self_supervised"
objective = "alpha*task"
epochs = 1
[terms.task.color]
use = "color_constancy"
"""


def compose(params):
    return zerokd.compose(f"{params}\n{PARTS}", steps=3)


def test_numbers_schedules_and_expressions():
    params = 'alpha = { equals = "beta + gamma" }\nbeta = { use = "linear", from = 0.0, to = 1.0 }\ngamma = 0.5'
    assert compose(f"[params]\n{params}").plan.coefficients["task"].tolist() == [0.5, 1.0, 1.5]


def test_a_cycle_is_reported_at_its_first_param():
    text = '[params]\nalpha = { equals = "beta" }\nbeta = { equals = "alpha" }'
    with pytest.raises(zerokd.RecipeError, match="params depend on one another in a cycle: ") as caught:
        compose(text)
    assert caught.value.problems[0].place.line == 2


def test_an_unknown_name_is_reported_at_its_character():
    with pytest.raises(zerokd.RecipeError) as caught:
        compose('[params]\nalpha = { equals = "1 - gamm" }\ngamma = 0.5')
    problem = caught.value.problems[0]
    assert problem.message == "params.alpha: unknown name 'gamm'"
    assert (problem.place.line, problem.place.column) == (2, 25)
    assert problem.hints[0] == "did you mean 'gamma'?"
