"""A worker of a sweep: runs trials of the study until none is left, and records the result of each."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from zerokd.sweep.pruning import PruningProgress, TrialPrunedError
from zerokd.sweep.search_space import apply_point, describe_point
from zerokd.sweep.shared_stages import StageSplit, start_from_shared_student, train_shared_stages
from zerokd.sweep.study import (
    FOLDER,
    POINT,
    REASON,
    SECONDS,
    STATE,
    SURPLUS,
    PointState,
    SweepPlan,
    has_remaining_trials,
    ignore_experimental_warnings,
    is_duplicate,
    running_trials,
    suggest_point,
)

POLL_SECONDS = 1.0  # between two looks at the trials of other workers
SHARED_FOLDER, POINTS_FOLDER = "shared", "points"  # in the sweep's folder


@frozen(eq=False)
class SweepWorker:
    """Runs trials of a study; ``report`` prints a line.

    ``shared_document`` is the recipe of the shared stages, the same for all points and workers.
    """

    plan: SweepPlan
    document: Document
    shared_document: Document
    catalogue: Catalogue
    stage_split: StageSplit
    out: Path
    device: str
    report: Callable[[str], None]

    def work(self, study: optuna.Study) -> None:
        """Run trials until every point has a result, including those of lost workers.

        Raises:
            StoppedError: a signal stopped it; the next worker resumes its trial from the last checkpoint.
        """
        waited = False
        while True:
            if has_remaining_trials(study, self.plan):
                with ignore_experimental_warnings():
                    study.optimize(lambda trial: self._run_trial(study, trial), n_trials=1, catch=(NumericError,))
            elif running_trials(study):
                if not waited:
                    count = running_trials(study)
                    self.report(f"waiting for {count} running trials of other workers; a lost one is resumed here")
                waited = True
                time.sleep(POLL_SECONDS)
            else:
                return

    def _run_trial(self, study: optuna.Study, trial: optuna.Trial) -> list[float]:
        if self.plan.points and POINT not in trial.user_attrs:
            trial.set_user_attr(SURPLUS, True)
            raise optuna.TrialPruned
        number, point = suggest_point(trial, self.plan)
        if is_duplicate(study, trial):
            raise optuna.TrialPruned
        self.report(f"point {number}: {describe_point(point)}")
        try:
            return self._train_point(trial, number, apply_point(self.document, point))
        except optuna.TrialPruned:
            raise
        except NumericError as error:
            trial.set_user_attr(REASON, error.problems[0].message)
            self.report(f"  failed: {error.problems[0].message}")
            raise
        except BaseException:  # a signal or a full disk says nothing about the point: the next worker takes it
            study.enqueue_trial(trial.params, user_attrs={POINT: number})
            raise

    def _train_point(self, trial: optuna.Trial, number: int, document: Document) -> list[float]:
        """Train the point and return its values, or record why it has none."""
        started = time.monotonic()
        folder = self.out / POINTS_FOLDER / f"{number:03d}"
        with self._record_refusal(trial):
            check_recipe(document, self.catalogue)  # all of it: the point's own stages would hide errors of shared ones
        shared_folder = self.out / SHARED_FOLDER  # an error there says nothing about the point
        train_shared_stages(self.shared_document, self.stage_split, shared_folder, self._start_or_resume_run)
        own = start_from_shared_student(document, self.stage_split, shared_folder)
        with self._record_refusal(trial):
            self._start_or_resume_run(own, folder, trial)
        result = read_manifest(RunFolder(folder))["result"]
        values = [value for value in objective_values(self.plan.goals, result) if value is not None]
        if len(values) < len(self.plan.goals):
            trial.set_user_attr(REASON, "a metric has no value")
            raise optuna.TrialPruned
        trial.set_user_attr(FOLDER, f"{POINTS_FOLDER}/{folder.name}")
        trial.set_user_attr(SECONDS, round(time.monotonic() - started, 1))
        pairs = zip(self.plan.goals, values, strict=True)
        self.report("  " + ", ".join(f"{goal.name} {goal.format_value(value)}" for goal, value in pairs))
        return values

    @contextmanager
    def _record_refusal(self, trial: optuna.Trial) -> Iterator[None]:
        """Record why a point has no result: it was pruned, or its own recipe is invalid."""
        try:
            yield
        except TrialPrunedError as error:
            trial.set_user_attr(STATE, PointState.PRUNED.value)
            trial.set_user_attr(REASON, error.problems[0].message)
            self.report(f"  pruned: {error.problems[0].message}")
            raise optuna.TrialPruned from None
        except (StoppedError, NumericError):
            raise
        except ZerokdError as error:
            if error.exit_code != 2:
                raise
            trial.set_user_attr(REASON, error.problems[0].message)
            self.report(f"  refused: {error.problems[0].message}")
            raise optuna.TrialPruned from None

    def _start_or_resume_run(self, document: Document, folder: Path, trial: optuna.Trial | None = None) -> Path:
        """Start the run of a folder, or resume it. It prints nothing: its folder holds everything."""
        if folder.exists() and not RunFolder(folder).manifest.exists():  # its worker died before the first step
            shutil.rmtree(folder)
        progress = Progress(Console(file=io.StringIO()))
        if trial is not None and self.plan.prune_term is not None:
            last_stage, goal = self.stage_split.per_point[-1], self.plan.goals[0]
            progress = PruningProgress(trial, last_stage, self.plan.prune_term, goal.higher)
        return run_recipe(document, self.catalogue, self.device, folder, True, progress)
