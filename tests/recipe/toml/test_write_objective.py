"""An objective as TOML, and back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import zerokd
from tests.objective.by_hand import LOW, difference
from zerokd.recipe.build.resolver import resolve_recipe  # noqa: F401 - imports take longer than a test may

STEPS = 8
ON = {"prediction": "student.output", "target": "teacher.output"}
SCHEDULES = st.fixed_dictionaries(
    {"use": st.just("linear"), "from": st.floats(0.1, 1.0), "to": st.floats(0.1, 1.0)},
    optional={"start": st.sampled_from(["1 step", "0.5 epochs"]), "end": st.just("6 steps")},
)
NUMBERS = st.one_of(st.floats(0.01, 3.0), SCHEDULES)
TERMS = st.builds(
    zerokd.Term,
    st.sampled_from(["mse", "ssim"]),
    on=st.just(ON),
    adapt=st.sampled_from([(), "gap", ("gap", {"use": "adaptive_pool"})]),
    weight=NUMBERS,
    when=st.one_of(
        st.none(), st.fixed_dictionaries({}, optional={"from": st.just("1 step"), "until": st.just("7 steps")})
    ),
    monitor=st.just(False),
)


def models():
    torch.manual_seed(0)
    return {"student": nn.Conv2d(3, 3, 1), "teacher": nn.Conv2d(3, 3, 1)}


@settings(max_examples=25, deadline=None)
@given(st.lists(TERMS, min_size=1, max_size=3), NUMBERS, st.floats(0.0, 0.9))
def test_composing_the_text_gives_an_equal_objective(terms, beta, decay):
    both = models()
    named = {f"first.term_{index}": term for index, term in enumerate(terms)}
    last = zerokd.Term("mse", on={"prediction": "student.output", "target": "ema.output"}, monitor=True)
    named |= {"second.color": zerokd.Term("color_constancy"), "second.average": last}
    objective = zerokd.Objective(
        "alpha*first + beta*second",
        params={"alpha": "1/(1 + beta)", "beta": beta},
        terms=named,
        models={**both, "ema": zerokd.Average(decay=decay)},
        steps=STEPS,
        steps_per_epoch=4,
    )
    text = objective.to_toml()
    again = zerokd.compose(text, models=both, steps=STEPS, steps_per_epoch=4)
    assert again.to_toml() == text
    assert again.models.averages["ema"].decay == decay
    for step in range(STEPS):
        assert again.weights_at(step) == objective.weights_at(step)
        torch.testing.assert_close(again(LOW, step=step).values, objective(LOW, step=step).values)
    assert np.array_equal(again.computed_mask("first.term_0", STEPS), objective.computed_mask("first.term_0", STEPS))


def test_a_stage_of_a_recipe_is_written_with_the_params_that_it_uses():
    objective = zerokd.compose("recipes/paper.toml", "distill", steps=4)
    text = objective.to_toml()
    again = zerokd.compose(text, models=dict(objective.models.models), steps=4)
    assert again.weights_at(3) == objective.weights_at(3)
    assert again.to_toml() == text


def test_a_loss_of_your_own_needs_a_name():
    objective = zerokd.Objective("task", terms={"task.own": difference(ON)}, models=models())
    with pytest.raises(zerokd.RecipeError, match="Difference has no registered name"):
        objective.to_toml()
