import pytest

from tests.sweep.small import CATALOGUE, document
from zerokd.errors import RecipeError
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.sweep.objectives import Goal, objective_values, pareto_front_indices, select_goals

GOALS = [Goal("fidelity", True, "dB"), Goal("cast", False)]


def components(*settings, recipe="paper.toml"):
    return check_recipe(document(*settings, recipe=recipe), CATALOGUE)[1]


def test_by_default_fidelity_and_all_metrics():
    goals = select_goals(components('metrics.cast={use="color_cast"}'), ())
    assert goals == GOALS
    assert [goal.direction for goal in goals] == ["maximize", "minimize"]
    assert select_goals(components('metrics.cast={use="color_cast"}'), ("cast",)) == GOALS[1:]


def test_an_unknown_goal_is_told_with_those_that_there_are():
    with pytest.raises(RecipeError, match=r"no goal 'fidelty'.*\n.*did you mean 'fidelity'"):
        select_goals(components(), ("fidelty",))


def test_a_recipe_without_teacher_and_metric_has_none():
    alone = components('run=["pretrain"]').models
    assert "teacher" in alone
    recipe = components()
    from attrs import evolve

    with pytest.raises(RecipeError, match="defines no goal for a sweep"):
        select_goals(evolve(recipe, models={"student": recipe.models["student"]}), ())


def test_numbers_of_a_finished_run():
    result = {
        "fidelity": {"measured_on": "held-out", "student to teacher": 31.5, "input to teacher": 10.0},
        "metrics": {"cast": {"value": 0.03}, "broken": {"value": None}},
    }
    assert objective_values(GOALS, result) == [31.5, 0.03]
    assert objective_values([Goal("broken", True)], result) == [None]


def test_the_front_is_what_none_beats_the_best_in_the_first_goal_first():
    rows = [(30.0, 0.02), (31.0, 0.05), (29.0, 0.03), (31.0, 0.05), (28.0, 0.01)]
    assert pareto_front_indices(GOALS, rows) == [1, 3, 0, 4]
    assert pareto_front_indices(GOALS[:1], [(1.0,), (3.0,), (2.0,)]) == [1]
    assert pareto_front_indices(GOALS[1:], [(1.0,), (3.0,), (0.5,)]) == [2]
    assert pareto_front_indices(GOALS, []) == []
