"""Params, weights and ``when``, step by step."""

import numpy as np
import pytest

from zerokd import Clock
from zerokd.equation.equation import parse_scalar
from zerokd.errors import Place, PluginError, RecipeError
from zerokd.objective.schedules import (
    compute_step_mask,
    describe_overruns,
    evaluate_params,
    evaluate_schedule,
    evaluate_weight,
    find_param_cycle,
)
from zerokd.plugin.contracts import Schedule
from zerokd.recipe.schema.recipe import WhenConfig
from zerokd.schedules.linear import Linear

CLOCK = Clock(steps=6, steps_per_epoch=2)
RAMP = Linear(**{"from": 0.0, "to": 1.0, "end": "4 steps"})


def expressions(**texts):
    return {name: parse_scalar(text, frozenset({*texts, "alpha", "beta"})) for name, text in texts.items()}


def test_a_number_stays_one_and_a_schedule_is_one_number_a_step():
    assert evaluate_schedule("alpha", 0.5, CLOCK) == 0.5
    assert evaluate_schedule("alpha", RAMP, CLOCK).tolist() == [0, 0.25, 0.5, 0.75, 1, 1]


def test_params_made_of_others_follow_them():
    params = {"rest": None, "alpha": RAMP, "beta": 0.25}
    params |= expressions(rest="1 - both", both="alpha + beta")
    series = evaluate_params(params, ["rest"], CLOCK, Place)
    assert series["rest"].tolist() == [0.75, 0.5, 0.25, 0, -0.25, -0.25]
    assert series["beta"] == 0.25


def test_a_circle_is_found_and_a_chain_is_none():
    assert find_param_cycle(expressions(a="b", b="c + 1", c="2*a"))[:1] in (["a"], ["b"], ["c"])
    assert len(find_param_cycle(expressions(a="b", b="c + 1", c="2*a"))) == 4
    assert find_param_cycle(expressions(a="a")) == ["a", "a"]
    assert find_param_cycle(expressions(a="b", b="c", c="alpha") | {"alpha": 1.0}) == []


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.zeros(3), r"returns shape \(3,\) for 6 steps"),
        (np.array([0, 0, 0, np.nan, 0, 0]), r"alpha is nan at step 4 of 6 \(epoch 2 of 3\)"),
    ],
)
def test_what_a_schedule_gives_is_checked(result, message):
    class Odd(Schedule):
        def values(self, steps, clock):
            return result

    with pytest.raises(RecipeError, match=message):
        evaluate_schedule("alpha", Odd(), CLOCK)


def test_a_schedule_that_fails_is_blamed():
    class Odd(Schedule):
        def values(self, steps, clock):
            raise ZeroDivisionError("boom")

    with pytest.raises(PluginError, match="the schedule of alpha failed: ZeroDivisionError: boom"):
        evaluate_schedule("alpha", Odd(), CLOCK)


def test_a_weight_is_never_negative():
    with pytest.raises(RecipeError, match=r"w is -0.2 at step 2 of 6 \(epoch 1 of 3\)"):
        evaluate_weight("w", Linear(**{"from": 0.0, "to": -1.0}), CLOCK)


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"from": "1 epoch"}, [2, 3, 4, 5]),
        ({"until": "3 steps"}, [0, 1, 2]),
        ({"every": "2 steps"}, [0, 2, 4]),
        ({"from": "1 step", "until": "2.5 epochs", "every": "3 steps"}, [1, 4]),
    ],
)
def test_when_by_hand(keys, steps):
    assert np.flatnonzero(compute_step_mask(WhenConfig(**keys), CLOCK)).tolist() == steps


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"from": "9 steps"}, "does not come after|no step of 6"),
        ({"until": "0 steps"}, r"until \(step 0\) does not come after from \(step 0\)"),
        ({"from": "2 epochs", "until": "1 epoch"}, r"until \(step 2\) does not come after from \(step 4\)"),
    ],
)
def test_a_when_that_is_never_is_refused(keys, message):
    with pytest.raises(RecipeError, match=message):
        compute_step_mask(WhenConfig(**keys), CLOCK)


def test_only_what_is_wanted_is_evaluated_and_faults_name_their_param():
    params = {"beta": 0.0} | expressions(odd="1/beta", alpha="beta + 1")
    assert evaluate_params(params, ["alpha"], CLOCK, Place) == {"alpha": 1.0, "beta": 0.0}
    with pytest.raises(RecipeError, match=r"odd: params.odd: 1 / beta divides by zero"):
        evaluate_params(params, ["odd"], CLOCK, Place)


def test_moments_after_the_last_step_are_told():
    assert describe_overruns("w", 0.5, CLOCK) == []
    assert describe_overruns("w", Linear(**{"from": 0.0, "to": 1.0, "end": "3 epochs"}), CLOCK) == []
    (text,) = describe_overruns("w", Linear(**{"from": 0.0, "to": 1.0, "end": "4 epochs"}), CLOCK)
    assert text == "w: end = '4 epochs' is step 8, but the stage has 6 steps"
