"""One point: run, refused, failed, or given back."""

import pytest

from tests.sweep.small import CATALOGUE, document
from zerokd.errors import NumericError, OutputError, StoppedError
from zerokd.sweep import worker
from zerokd.sweep.objectives import Goal
from zerokd.sweep.search_space import Choice
from zerokd.sweep.shared_stages import StageSplit
from zerokd.sweep.study import SweepPlan, collect_point_records, open_study
from zerokd.sweep.worker import SweepWorker

AXES = [Choice("params.alpha", (0.3, 0.95, 0.4))]
POINTS = [{"params.alpha": value} for value in AXES[0].values]


@pytest.fixture
def worker_and_study(tmp_path):
    lines = []
    plan = SweepPlan("paper", AXES, [Goal("fidelity", True, "dB")], {}, POINTS)
    whole = StageSplit((), ("pretrain", "distill"))
    sweep_worker = SweepWorker(plan, document(), document(), CATALOGUE, whole, tmp_path, "cpu", lines.append)
    return sweep_worker, open_study(plan, f"sqlite:///{tmp_path / 'x.db'}"), lines


def test_points_are_run_and_what_the_equation_does_not_allow_is_refused(worker_and_study, tmp_path):
    sweep_worker, study, lines = worker_and_study
    sweep_worker.work(study)
    records = collect_point_records(study)
    assert [record.state for record in records] == ["done", "refused", "done"]
    assert "coefficient of task is (1 - alpha - beta) = -0.05" in records[1].why
    assert [record.folder for record in records] == ["points/001", "", "points/003"]
    assert sorted(path.name for path in (tmp_path / "points").iterdir()) == ["001", "003"]
    assert lines[0] == "point 1: alpha = 0.3"
    assert lines[1].startswith("  fidelity ")


def test_a_point_whose_training_is_not_finite_failed_and_the_others_are_run(worker_and_study, monkeypatch):
    sweep_worker, study, _ = worker_and_study
    whole_run = worker.run_recipe

    def run(document, *rest):
        if document.tables["params"]["alpha"] == 0.3:
            raise NumericError("not finite")
        return whole_run(document, *rest)

    monkeypatch.setattr(worker, "run_recipe", run)
    sweep_worker.work(study)
    assert [(record.state, record.why) for record in collect_point_records(study)][::2] == [
        ("failed", "not finite"),
        ("done", ""),
    ]


@pytest.mark.parametrize("error", [StoppedError("stopped"), OutputError("the disk is full"), KeyboardInterrupt()])
def test_a_point_of_a_worker_that_is_stopped_is_there_again(worker_and_study, monkeypatch, error):
    sweep_worker, study, _ = worker_and_study
    whole_run = worker.run_recipe

    def stop(*arguments):
        raise error

    monkeypatch.setattr(worker, "run_recipe", stop)
    with pytest.raises(type(error)):
        sweep_worker.work(study)
    assert [record.state for record in collect_point_records(study)] == ["waiting"] * 3
    monkeypatch.setattr(worker, "run_recipe", whole_run)
    sweep_worker.work(study)
    assert [record.state for record in collect_point_records(study)] == ["done", "refused", "done"]


def test_what_a_worker_left_that_was_killed_before_its_first_step_is_no_hindrance(worker_and_study, tmp_path):
    sweep_worker, study, _ = worker_and_study
    (tmp_path / "points/001/samples").mkdir(parents=True)
    sweep_worker.work(study)
    assert collect_point_records(study)[0].state == "done"


def test_the_last_point_that_another_worker_takes_first_leaves_no_further_one(worker_and_study, monkeypatch):
    """Between a look at the study and taking a trial, another worker may take the last: Optuna then makes a new one."""
    sweep_worker, study, lines = worker_and_study
    looks = [worker.has_remaining_trials] * 3 + [lambda *_: True] + [worker.has_remaining_trials] * 9
    monkeypatch.setattr(worker, "has_remaining_trials", lambda *arguments: looks.pop(0)(*arguments))
    sweep_worker.work(study)
    assert len(study.get_trials()) == 4
    assert [record.state for record in collect_point_records(study)] == ["done", "refused", "done"]
    assert len([line for line in lines if line.startswith("point ")]) == 3
