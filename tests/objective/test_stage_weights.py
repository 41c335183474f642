"""Coefficients and weights of a recipe's stages, checked at every step before the first."""

import numpy as np
import pytest

from zerokd.errors import ZerokdError

ALPHA = "params.alpha={use='linear', from=0.35, to=0.95, end='1 epoch'}"
LONGER = ("data.count=20", "data.held_out=0.0", "stages.distill.epochs=4", "stages.distill.batch=4")  # 5 steps an epoch


def find_problems(build, *settings):
    with pytest.raises(ZerokdError) as caught:
        build(*settings)
    return [f"{problem.message} {' '.join(problem.hints)}" for problem in caught.value.problems]


def test_a_param_may_change_and_the_rest_follows(build):
    distill = build("params.alpha={use='linear', from=0.0, to=0.8, end='8 steps'}", *LONGER).stages[1]
    assert distill.clock.steps == 20
    assert distill.coefficients["distillation"][:3].tolist() == pytest.approx([0, 0.1, 0.2])
    assert distill.coefficients["task"][8:].tolist() == pytest.approx([0.1] * 12)
    assert distill.coefficients["feature_matching"] == 0.1


def test_a_coefficient_negative_at_one_step_is_refused_with_that_step(build):
    """1 - alpha - 0.1 first falls below 0 where alpha = 0.35 + 0.6 * 5 / 5 = 0.95, at the sixth step."""
    problems = find_problems(build, ALPHA, *LONGER)
    text = "the coefficient of task is (1 - alpha - beta) = -0.05 with alpha = 0.95, beta = 0.1"
    assert any(f"{text} at step 6 of 20 (epoch 2 of 4)" in problem for problem in problems), problems


def test_one_minus_all_is_zero_and_not_a_rounding_error(build):
    assert 1 - 0.9 - 0.1 < 0
    distill = build("params.alpha=0.9", "params.beta=0.1").stages[1]
    assert distill.coefficients["task"] == 0.0
    assert {label.split(".")[0] for label in distill.idle_terms} == {"task"}


def test_a_weight_may_change(build):
    ramp = "terms.contrastive.ema.weight={use='piecewise', at=['0 steps', '2 epochs'], values=[0.0, 0.1]}"
    distill = build(ramp, *LONGER).stages[1]
    assert distill.weights["contrastive.ema"].tolist() == [0.0] * 10 + [0.1] * 10


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (
            "params.alpha={use='linear', from=0.1, to=0.2, end='0 steps'}",
            "params.alpha: it starts at step 0 and ends at step 0",
        ),
        ("params.alpha={use='linear', from=0.1, to=0.2, end='20'}", "params.alpha.end: a duration has a unit"),
        ("params.alpha={use='linear', to=0.2}", "params.alpha lacks the key 'from'"),
        ("params.alpha={use='linera', from=0.1, to=0.2}", "unknown schedule 'linera' did you mean 'linear'?"),
        ("terms.task.color.weight={use='linear', from=1.0, to=-1.0}", "terms.task.color.weight is -"),
        ("terms.task.color.weight={use='constant', value=true}", "terms.task.color.weight.value: input should be"),
        ("terms.task.color.when={from='9 epochs'}", "terms.task.color.when: no step of"),
        ("terms.task.color.when={every='0 steps'}", "terms.task.color.when.every: '0 steps' is less than one step"),
        ("terms.task.color.when={evry='2 steps'}", "unknown key 'terms.task.color.when.evry' did you mean 'every'?"),
        ("params.alpha={equals='1 - gama'}", "params.alpha: unknown name 'gama'"),
        ("params.alpha={equals='2*beta +'}", "params.alpha: the equation ends too early"),
        ("params={alpha={equals='beta'}, beta={equals='alpha'}}", "params depend on one another in a cycle: "),
        ("params={alpha={equals='1/beta'}, beta=0.0}", "1 / beta divides by zero"),
        ("params.max=0.5", "'max' is a function of the equation, not a name"),
        ("stages.pretrain.objective='pretraining - pretraining'", ": 0 whatever the params are"),
    ],
)
def test_a_mistake_is_told(build, setting, text):
    problems = find_problems(build, setting)
    assert any(text in problem for problem in problems), problems


def test_a_param_may_be_made_of_others(build):
    params = "params={alpha=0.3, beta=0.1, left={equals='1 - alpha - beta'}}"
    objective = "stages.distill.objective='alpha*distillation + beta*feature_matching + left*task + contrastive'"
    assert build(params, objective).stages[1].coefficients["task"] == pytest.approx(0.6)


def test_a_step_at_which_nothing_trains_is_refused(build):
    settings = [f"terms.pretraining.{name}.when={{until='3 steps'}}" for name in ("exposure", "smoothness", "color")]
    problems = find_problems(build, *settings, *LONGER, "stages.pretrain.epochs=2")
    assert any(
        "stage 'pretrain' trains on nothing: every weight is 0 at step 4 of 10" in problem for problem in problems
    ), problems


def test_steps_at_which_a_term_is_not_computed_are_known(build):
    distill = build("terms.contrastive.ema.when={from='1 epoch', every='2 steps'}", *LONGER).stages[1]
    assert np.flatnonzero(distill.step_masks["contrastive.ema"]).tolist() == [5, 7, 9, 11, 13, 15, 17, 19]
    assert distill.step_masks["task.color"] is None
