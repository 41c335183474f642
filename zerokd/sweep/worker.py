"""A worker: takes points of a sweep until none is left, and writes down what came of each."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import optuna
from attrs import frozen
from rich.console import Console

from zerokd.errors import NumericError, StoppedError, ZerokdError
from zerokd.plugin.catalogue import Catalogue
from zerokd.recipe.build.static_checks import check_recipe
from zerokd.recipe.toml.document import Document
from zerokd.run.folder import RunFolder
from zerokd.run.launch import run_recipe
from zerokd.run.progress import Progress
from zerokd.run.resume import read_manifest
from zerokd.sweep.objectives import objective_values
from zerokd.sweep.pruning import PointPrunedError, PruningProgress
from zerokd.sweep.shared_stages import StageSplit, train_shared_stages
from zerokd.sweep.search_space import apply_point, describe_point
from zerokd.sweep.study import (
    FOLDER,
    POINT,
    SECONDS,
    STATE,
    WHY,
    SweepPlan,
    has_remaining_trials,
    ignore_experimental_warnings,
    is_duplicate,
    running_trials,
    suggest_point,
)

POLL_SECONDS = 1.0  # seconds between two looks at what other workers do
SHARED_FOLDER, POINTS_FOLDER = "shared", "points"  # folders of a sweep


@frozen(eq=False)
class SweepWorker:
    """What it needs to run a point. ``say`` tells a person."""

    plan: SweepPlan
    document: Document
    catalogue: Catalogue
    stage_split: StageSplit
    out: Path
    device: str
    report: Callable[[str], None]

    def work(self, study: optuna.Study) -> None:
        """Until every point is done, also those that other workers leave behind.

        Raises:
            StoppedError: it was asked to stop; its point waits for the next worker, and goes on from its checkpoint.
        """
        waited = False
        while True:
            if has_remaining_trials(study, self.plan):
                with ignore_experimental_warnings():
                    study.optimize(lambda trial: self._run_trial(study, trial), n_trials=1, catch=(NumericError,))
            elif running_trials(study):
                if not waited:
                    self.report(
                        f"{running_trials(study)} at work elsewhere; what a lost worker leaves is taken up here"
                    )
                waited = True
                time.sleep(POLL_SECONDS)
            else:
                return

    def _run_trial(self, study: optuna.Study, trial: optuna.Trial) -> list[float]:
        number, point = suggest_point(trial, self.plan)
        if is_duplicate(study, trial) or (self.plan.points and POINT not in trial.user_attrs):
            raise optuna.TrialPruned
        self.report(f"point {number}: {describe_point(point)}")
        try:
            return self._train_point(trial, number, apply_point(self.document, point))
        except optuna.TrialPruned:
            raise
        except NumericError as error:
            trial.set_user_attr(WHY, error.problems[0].message)
            self.report(f"  failed: {error.problems[0].message}")
            raise
        except BaseException:  # a signal, a full disk: no fault of the point, which waits for the next worker
            study.enqueue_trial(trial.params, user_attrs={POINT: number})
            raise

    def _train_point(self, trial: optuna.Trial, number: int, document: Document) -> list[float]:
        """Train the point, or say why it may not be."""
        begun = time.monotonic()
        folder = self.out / POINTS_FOLDER / f"{number:03d}"
        try:
            check_recipe(
                document, self.catalogue
            )  # as a whole: its own stages alone would hide what the shared ones lack
            own = train_shared_stages(document, self.stage_split, self.out / SHARED_FOLDER, self._start_or_resume_run)
            self._start_or_resume_run(own, folder, trial)
        except PointPrunedError as error:
            trial.set_user_attr(STATE, "pruned")
            trial.set_user_attr(WHY, error.problems[0].message)
            self.report(f"  pruned: {error.problems[0].message}")
            raise optuna.TrialPruned from None
        except (StoppedError, NumericError):
            raise
        except ZerokdError as error:
            if error.exit_code != 2:
                raise
            trial.set_user_attr(WHY, error.problems[0].message)
            self.report(f"  refused: {error.problems[0].message}")
            raise optuna.TrialPruned from None
        result = read_manifest(RunFolder(folder))["result"]
        values = [one for one in objective_values(self.plan.goals, result) if one is not None]
        if len(values) < len(self.plan.goals):
            trial.set_user_attr(WHY, "a metric gave no number")
            raise optuna.TrialPruned
        trial.set_user_attr(FOLDER, f"{POINTS_FOLDER}/{folder.name}")
        trial.set_user_attr(SECONDS, round(time.monotonic() - begun, 1))
        shown = zip(self.plan.goals, values, strict=True)
        self.report("  " + ", ".join(f"{goal.name} {value:.4g} {goal.unit}".rstrip() for goal, value in shown))
        return values

    def _start_or_resume_run(self, document: Document, folder: Path, trial: optuna.Trial | None = None) -> Path:
        """A run of its own, gone on with where one was begun; all that it would say is in its folder."""
        if folder.exists() and not RunFolder(folder).manifest.exists():  # its worker was killed before the first step
            shutil.rmtree(folder)
        progress = Progress(Console(file=io.StringIO()))
        if trial is not None and self.plan.prune_term is not None:
            progress = PruningProgress(
                trial, self.stage_split.per_point[-1], self.plan.prune_term, self.plan.goals[0].higher
            )
        return run_recipe(document, self.catalogue, self.device, folder, True, progress)
