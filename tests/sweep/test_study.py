"""Points in a storage: filled in once, taken once, known again."""

import optuna
import pytest

from zerokd.errors import OutputError, RecipeError
from zerokd.sweep.objectives import Goal
from zerokd.sweep.search_space import Choice, NumericRange
from zerokd.sweep.study import (
    POINT,
    REASON,
    SweepPlan,
    collect_point_records,
    has_remaining_trials,
    is_duplicate,
    open_study,
    running_trials,
    suggest_point,
)

GOALS = [Goal("fidelity", True, "dB")]
AXES = [Choice("params.alpha", (0.3, 1, True)), Choice("name", ("a", "1"))]
POINTS = [{"params.alpha": a, "name": n} for a in (0.3, 1, True) for n in ("a", "1")]


def plan(axes=AXES, points=POINTS, **more):
    return SweepPlan("paper", axes, GOALS, {"grid": "one"}, points, **more)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'x.db'}"


def take(study, sweep_plan):
    trial = study.ask()
    return trial, suggest_point(trial, sweep_plan)


def test_a_grid_is_filled_in_once_and_each_point_taken_once(storage):
    first, second = open_study(plan(), storage), open_study(plan(), storage)
    taken = [take(study, plan())[1] for study in (first, second) * 3]
    assert taken == list(enumerate(POINTS, 1))
    assert [type(point["params.alpha"]) for _, point in taken[::2]] == [float, int, bool]
    assert not has_remaining_trials(first, plan())
    assert running_trials(second) == 6


def test_what_came_of_each(storage):
    study = open_study(plan(), storage)
    for value in (30.0, 31.0):
        study.tell(take(study, plan())[0], value)
    trial, _ = take(study, plan())
    trial.set_user_attr(REASON, "alpha + beta is 1.1")
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    take(study, plan())
    records = collect_point_records(study)
    assert [record.state for record in records] == ["done", "done", "refused", "running", "waiting", "waiting"]
    assert [record.values for record in records[:3]] == [(30.0,), (31.0,), ()]
    assert records[2].why == "alpha + beta is 1.1"
    assert [record.point for record in records] == POINTS


def test_another_sweep_is_refused_by_name(storage):
    open_study(plan(), storage)
    changed = SweepPlan("paper", AXES, GOALS, {"grid": "two"}, POINTS)
    with pytest.raises(RecipeError, match="holds another sweep 'paper': different grid"):
        open_study(changed, storage)


def test_a_point_that_was_filled_in_twice_is_run_once(storage):
    study = open_study(plan(), storage)
    study.enqueue_trial({"params.alpha": "0.3", "name": '"a"'}, user_attrs={POINT: 1})
    twins = [is_duplicate(study, take(study, plan())[0]) for _ in range(7)]
    assert twins == [False] * 6 + [True]


def test_a_point_that_failed_for_no_reason_of_its_own_is_no_twin_of_its_second_try(storage):
    study = open_study(plan(), storage)
    first, _ = take(study, plan())
    study.tell(first, state=optuna.trial.TrialState.FAIL)
    study.enqueue_trial(first.params, user_attrs={POINT: 1})
    tries = [trial for trial, (number, _) in (take(study, plan()) for _ in range(6)) if number == 1]
    assert [is_duplicate(study, trial) for trial in tries] == [False]
    assert [record.state for record in collect_point_records(study)] == ["running"] * 6


def test_points_chosen_one_after_another_have_an_end_and_keep_their_ranges(storage):
    axes = [
        NumericRange("params.alpha", 0.1, 0.5),
        NumericRange("a.b", 2, 4),
        NumericRange("c.d", 1e-4, 1e-1, True),
        Choice("e.f", ("x", "y")),
    ]
    tpe_plan = plan(axes, (), trial_count=8)
    study = open_study(tpe_plan, storage)
    seen = []
    while has_remaining_trials(study, tpe_plan):
        trial, (number, point) = take(study, tpe_plan)
        study.tell(trial, point["params.alpha"])
        seen.append((number, point))
    assert [number for number, _ in seen] == list(range(1, 9))
    assert all(0.1 <= point["params.alpha"] <= 0.5 and point["a.b"] in (2, 3, 4) for _, point in seen)
    assert all(1e-4 <= point["c.d"] <= 1e-1 and point["e.f"] in ("x", "y") for _, point in seen)
    assert [record.point for record in collect_point_records(study)] == [point for _, point in seen]


@pytest.mark.parametrize("address", ["sqlite:////nowhere/x.db", "nonsense", "mysql+nothing://a/b"])
def test_a_storage_that_cannot_be_used_is_told(address):
    with pytest.raises(OutputError, match="cannot be used"):
        open_study(plan(), address)
