"""Points in a storage that many workers share (Optuna): each is taken once, and again only when its worker is gone."""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from attrs import field, frozen
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from zerokd.errors import OutputError, Problem, RecipeError
from zerokd.sweep.objectives import Goal
from zerokd.sweep.search_space import Choice, SearchAxis

HEARTBEAT_INTERVAL = 10  # seconds between two signs of life of a worker
GRACE_PERIOD = 30  # seconds after which a worker without any is taken to be gone
POINT, WHY, STATE, FOLDER, SECONDS, IDENTITY = "point", "why", "state", "folder", "seconds", "zerokd"
LIVE_STATES = (TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE)
STATE_NAMES = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "refused",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "at work",
    TrialState.WAITING: "waiting",
}


@frozen
class PointRecord:
    """What is known of a point."""

    number: int
    point: dict[str, Any]
    state: str
    values: tuple[float, ...] = ()
    why: str = ""
    folder: str = ""
    seconds: float = 0.0


@frozen(eq=False)
class SweepPlan:
    """What is varied, how points are chosen, and what is looked for. ``identity`` is what makes it this sweep."""

    name: str
    axes: Sequence[SearchAxis]
    goals: Sequence[Goal]
    identity: dict[str, Any]
    points: Sequence[dict[str, Any]] = ()  # all of them, where they are known beforehand
    trial_count: int = 0  # else how many are chosen one after another
    seed: int = 0
    pruner: optuna.pruners.BasePruner = field(factory=optuna.pruners.NopPruner)
    prune_term: str | None = None  # the label of the term that it judges by


def open_study(plan: SweepPlan, storage: str) -> optuna.Study:
    """The study of a sweep, made and filled where it is new.

    Raises:
        OutputError: the storage cannot be used.
        RecipeError: it holds another sweep of that name.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _convert_storage_errors(storage):
        study = _create_or_load_study(plan, storage)
        _check_identity(study, plan)
        there = {trial.user_attrs.get(POINT) for trial in study.get_trials(deepcopy=False)}
        for number, point in enumerate(plan.points, 1):
            if number not in there:
                study.enqueue_trial(_encode_point(plan.axes, point), user_attrs={POINT: number})
    return study


def _create_or_load_study(plan: SweepPlan, storage: str, attempts: int = 6) -> optuna.Study:
    """Made where it is new. Of two hosts that make one database at a moment one is refused, and tries again."""
    connect = {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {}
    again = optuna.storages.RetryHeartbeatStaleTrialCallback()
    try:
        shared = optuna.storages.RDBStorage(
            storage,
            connect,
            heartbeat_interval=HEARTBEAT_INTERVAL,
            grace_period=GRACE_PERIOD,
            heartbeat_stale_trial_callback=again,
        )
        return optuna.create_study(
            study_name=plan.name,
            storage=shared,
            sampler=optuna.samplers.TPESampler(seed=plan.seed, constant_liar=True),
            pruner=plan.pruner,
            directions=[goal.direction for goal in plan.goals],
            load_if_exists=True,
        )
    except (IntegrityError, ProgrammingError, StorageInternalError):
        if attempts == 1:
            raise
    time.sleep(random.uniform(0.2, 1.0))  # so that both do not meet again
    return _create_or_load_study(plan, storage, attempts - 1)


def _check_identity(study: optuna.Study, plan: SweepPlan) -> None:
    before = study.user_attrs.get(IDENTITY)
    if before is None:
        study.set_user_attr(IDENTITY, plan.identity)
        return
    differing = [key for key in plan.identity if before.get(key) != plan.identity[key]]
    if differing:
        hint = "the same command joins a sweep and goes on with it; another one wants another --out"
        text = f"the storage holds another sweep {plan.name!r}: {', '.join(differing)} differ"
        raise RecipeError(Problem(text, hints=(hint,), code="setting"))


def suggest_point(trial: optuna.Trial, plan: SweepPlan) -> tuple[int, dict[str, Any]]:
    """The number and the values of a trial that a worker has taken."""
    point: dict[str, Any] = {}
    for axis in plan.axes:
        if isinstance(axis, Choice):
            point[axis.key] = json.loads(
                trial.suggest_categorical(axis.key, [json.dumps(value) for value in axis.values])
            )
        elif axis.is_integer:
            point[axis.key] = trial.suggest_int(axis.key, int(axis.low), int(axis.high), log=axis.log)
        else:
            point[axis.key] = trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log)
    return int(trial.user_attrs.get(POINT, trial.number + 1)), point


def is_duplicate(study: optuna.Study, trial: optuna.Trial) -> bool:
    """Whether a point was filled in twice, by two workers that started at one moment, and this is the later one."""
    number = trial.user_attrs.get(POINT)
    others = [get_trial for get_trial in study.get_trials(deepcopy=False) if get_trial.user_attrs.get(POINT) == number]
    same = [other.number for other in others if other.state in LIVE_STATES or other.user_attrs.get(WHY)]
    return number is not None and min(same, default=trial.number) < trial.number


def has_remaining_trials(study: optuna.Study, plan: SweepPlan) -> bool:
    """Whether there is a point to take. The points of workers that are gone come back here."""
    with ignore_experimental_warnings():
        optuna.storages.fail_stale_trials(study)
    trials = study.get_trials(deepcopy=False)
    if any(trial.state == TrialState.WAITING for trial in trials):
        return True
    taken = [trial for trial in trials if trial.state != TrialState.FAIL or trial.user_attrs.get(WHY)]
    return not plan.points and len(taken) < plan.trial_count


def running_trials(study: optuna.Study) -> int:
    """How many points are in the hands of some worker."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))


def collect_point_records(study: optuna.Study) -> list[PointRecord]:
    """All points by number; of one that was taken again, what came of it last."""
    found: dict[int, PointRecord] = {}
    for trial in study.get_trials(deepcopy=False):
        number = int(trial.user_attrs.get(POINT, trial.number + 1))
        row = _build_point_record(number, trial)
        if number not in found or trial.state != TrialState.PRUNED or row.why:
            found[number] = row
    return [found[number] for number in sorted(found)]


def _build_point_record(number: int, trial: FrozenTrial) -> PointRecord:
    given = trial.params or trial.system_attrs.get("fixed_params", {})
    point = {key: json.loads(value) if isinstance(value, str) else value for key, value in given.items()}
    attrs = trial.user_attrs
    values = tuple(trial.values) if trial.state == TrialState.COMPLETE else ()
    why, folder, seconds = attrs.get(WHY, ""), attrs.get(FOLDER, ""), attrs.get(SECONDS, 0.0)
    return PointRecord(number, point, attrs.get(STATE, STATE_NAMES[trial.state]), values, why, folder, seconds)


def _encode_point(axes: Sequence[SearchAxis], point: Mapping[str, Any]) -> dict[str, Any]:
    """A point as Optuna keeps it: what is chosen among given values as JSON text, which tells 1 from 1.0 and true."""
    choices = {axis.key for axis in axes if isinstance(axis, Choice)}
    return {key: json.dumps(value) if key in choices else value for key, value in point.items()}


@contextmanager
def ignore_experimental_warnings() -> Iterator[None]:
    """Without Optuna's word that heartbeats are new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@contextmanager
def _convert_storage_errors(url: str) -> Iterator[None]:
    try:
        with ignore_experimental_warnings():
            yield
    except (SQLAlchemyError, StorageInternalError, ImportError, ValueError) as error:
        told = str(error).strip().splitlines()
        hint = "sqlite:///sweep.db for one host, postgresql+psycopg://USER@HOST/NAME for several"
        raise OutputError(Problem(f"the storage {url!r} cannot be used: {told[0][:200]}", hints=(hint,))) from error
