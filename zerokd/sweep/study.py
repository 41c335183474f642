"""The Optuna study of a sweep, in a storage that several workers share. Each point is one trial, and another one only
if the worker of the first was lost."""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import optuna
from attrs import field, frozen
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from zerokd.errors import OutputError, Problem, RecipeError
from zerokd.sweep.objectives import Goal
from zerokd.sweep.search_space import Choice, SearchAxis

HEARTBEAT_INTERVAL = 10  # seconds
GRACE_PERIOD = 30  # seconds without a heartbeat after which a worker counts as lost
POINT, REASON, STATE, FOLDER, SECONDS = "point", "why", "state", "folder", "seconds"  # attributes of a trial
SURPLUS = "surplus"  # attribute of a trial that is no point: another worker took the last one first
IDENTITY = "zerokd"  # attribute of a study
LIVE_STATES = (TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE)


class PointState(StrEnum):
    """Where a point stands: ``REFUSED`` if the recipe is invalid there, ``PRUNED`` if its trial ended early."""

    DONE = "done"
    REFUSED = "refused"
    PRUNED = "pruned"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"


STATES = {
    TrialState.COMPLETE: PointState.DONE,
    TrialState.PRUNED: PointState.REFUSED,  # a trial that was pruned for its values has that in its attributes
    TrialState.FAIL: PointState.FAILED,
    TrialState.RUNNING: PointState.RUNNING,
    TrialState.WAITING: PointState.WAITING,
}


@frozen
class PointRecord:
    """A point and its result: ``values`` of the goals, or ``why`` there are none; the run's ``folder``."""

    number: int
    point: dict[str, Any]
    state: PointState
    values: tuple[float, ...] = ()
    why: str = ""
    folder: str = ""
    seconds: float = 0.0


@frozen(eq=False)
class SweepPlan:
    """The search space, the goals, and how points are chosen. Workers of one study must agree on ``identity``."""

    name: str
    axes: Sequence[SearchAxis]
    goals: Sequence[Goal]
    identity: dict[str, Any]
    points: Sequence[dict[str, Any]] = ()  # all of them, if they are known in advance
    trial_count: int = 0  # otherwise: how many the sampler suggests
    seed: int = 0
    pruner: optuna.pruners.BasePruner = field(factory=optuna.pruners.NopPruner)
    prune_term: str | None = None  # the label of the term that the pruner compares


def open_study(plan: SweepPlan, storage: str) -> optuna.Study:
    """Open the study of a sweep; create it and enqueue its points if it is new.

    Raises:
        OutputError: the storage cannot be used.
        RecipeError: it holds another sweep of that name.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _convert_storage_errors(storage):
        study = _create_or_load_study(plan, storage)
        _check_identity(study, plan)
        enqueued = {trial.user_attrs.get(POINT) for trial in study.get_trials(deepcopy=False)}
        for number, point in enumerate(plan.points, 1):
            if number not in enqueued:
                study.enqueue_trial(_encode_point(plan.axes, point), user_attrs={POINT: number})
    return study


def _create_or_load_study(plan: SweepPlan, storage: str, attempts: int = 6) -> optuna.Study:
    """Retry if two hosts create the database at once: one of them fails."""
    connect = {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {}
    try:
        rdb_storage = optuna.storages.RDBStorage(
            storage,
            connect,
            heartbeat_interval=HEARTBEAT_INTERVAL,
            grace_period=GRACE_PERIOD,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(),
        )
        return optuna.create_study(
            study_name=plan.name,
            storage=rdb_storage,
            sampler=optuna.samplers.TPESampler(seed=plan.seed, constant_liar=True),
            pruner=plan.pruner,
            directions=[goal.direction for goal in plan.goals],
            load_if_exists=True,
        )
    except (IntegrityError, ProgrammingError, StorageInternalError):
        if attempts == 1:
            raise
    time.sleep(random.uniform(0.2, 1.0))  # so that the hosts do not collide again
    return _create_or_load_study(plan, storage, attempts - 1)


def _check_identity(study: optuna.Study, plan: SweepPlan) -> None:
    existing = study.user_attrs.get(IDENTITY)
    if existing is None:
        study.set_user_attr(IDENTITY, plan.identity)
        return
    differing = [key for key in plan.identity if existing.get(key) != plan.identity[key]]
    if differing:
        hint = "the same command joins and continues a sweep; a different one needs another --out"
        text = f"the storage holds another sweep {plan.name!r}: different {', '.join(differing)}"
        raise RecipeError(Problem(text, hints=(hint,), code="setting"))


def suggest_point(trial: optuna.Trial, plan: SweepPlan) -> tuple[int, dict[str, Any]]:
    """The number and the values of a trial's point."""
    point: dict[str, Any] = {}
    for axis in plan.axes:
        if isinstance(axis, Choice):
            choices = [json.dumps(value) for value in axis.values]
            point[axis.key] = json.loads(trial.suggest_categorical(axis.key, choices))
        elif axis.is_integer:
            point[axis.key] = trial.suggest_int(axis.key, int(axis.low), int(axis.high), log=axis.log)
        else:
            point[axis.key] = trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log)
    return int(trial.user_attrs.get(POINT, trial.number + 1)), point


def is_duplicate(study: optuna.Study, trial: optuna.Trial) -> bool:
    """Whether an earlier trial has the same point: two workers that start at once both enqueue all points."""
    number = trial.user_attrs.get(POINT)
    others = [other for other in study.get_trials(deepcopy=False) if other.user_attrs.get(POINT) == number]
    valid = [other.number for other in others if other.state in LIVE_STATES or other.user_attrs.get(REASON)]
    return number is not None and min(valid, default=trial.number) < trial.number


def has_remaining_trials(study: optuna.Study, plan: SweepPlan) -> bool:
    """Whether there is a trial to run. Trials of lost workers are enqueued again first."""
    with ignore_experimental_warnings():
        optuna.storages.fail_stale_trials(study)
    trials = study.get_trials(deepcopy=False)
    if any(trial.state == TrialState.WAITING for trial in trials):
        return True
    counted = [trial for trial in trials if trial.state != TrialState.FAIL or trial.user_attrs.get(REASON)]
    return not plan.points and len(counted) < plan.trial_count


def running_trials(study: optuna.Study) -> int:
    """The number of trials that some worker is running."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))


def collect_point_records(study: optuna.Study) -> list[PointRecord]:
    """All points by number; of a point with several trials, the last result."""
    records: dict[int, PointRecord] = {}
    for trial in study.get_trials(deepcopy=False):
        if trial.user_attrs.get(SURPLUS):
            continue
        number = int(trial.user_attrs.get(POINT, trial.number + 1))
        record = _build_point_record(number, trial)
        if number not in records or trial.state != TrialState.PRUNED or record.why:
            records[number] = record
    return [records[number] for number in sorted(records)]


def _build_point_record(number: int, trial: FrozenTrial) -> PointRecord:
    params = trial.params or trial.system_attrs.get("fixed_params", {})
    point = {key: json.loads(value) if isinstance(value, str) else value for key, value in params.items()}
    attrs = trial.user_attrs
    state = PointState(attrs.get(STATE, STATES[trial.state]))
    values = tuple(trial.values) if trial.state == TrialState.COMPLETE else ()
    why, folder, seconds = attrs.get(REASON, ""), attrs.get(FOLDER, ""), attrs.get(SECONDS, 0.0)
    return PointRecord(number, point, state, values, why, folder, seconds)


def _encode_point(axes: Sequence[SearchAxis], point: Mapping[str, Any]) -> dict[str, Any]:
    """A point as Optuna stores it. Choices are JSON text, which distinguishes 1, 1.0 and true."""
    choices = {axis.key for axis in axes if isinstance(axis, Choice)}
    return {key: json.dumps(value) if key in choices else value for key, value in point.items()}


@contextmanager
def ignore_experimental_warnings() -> Iterator[None]:
    """Suppress Optuna's warning that heartbeats are experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@contextmanager
def _convert_storage_errors(url: str) -> Iterator[None]:
    try:
        with ignore_experimental_warnings():
            yield
    except (SQLAlchemyError, StorageInternalError, ImportError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        hint = "sqlite:///sweep.db for one host, postgresql+psycopg://USER@HOST/NAME for several"
        raise OutputError(Problem(f"the storage {url!r} cannot be used: {reason}", hints=(hint,))) from error
