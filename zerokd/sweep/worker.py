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
from zerokd.recipe.build.static_checks import checked
from zerokd.recipe.toml.document import Document
from zerokd.run.folder import RunFolder
from zerokd.run.launch import start
from zerokd.run.progress import Progress
from zerokd.run.resume import read_manifest
from zerokd.sweep.goals import reached
from zerokd.sweep.pruning import HopelessError, Watched
from zerokd.sweep.shared import Split, trained_once
from zerokd.sweep.space import laid, told
from zerokd.sweep.study import FOLDER, POINT, SECONDS, STATE, WHY, Plan, at_work, chosen, is_twin, left, quiet

PAUSE = 1.0  # seconds between two looks at what other workers do
SHARED, POINTS = "shared", "points"  # folders of a sweep


@frozen(eq=False)
class Worker:
    """What it needs to run a point. ``say`` tells a person."""

    plan: Plan
    document: Document
    catalogue: Catalogue
    parts: Split
    out: Path
    device: str
    say: Callable[[str], None]

    def work(self, study: optuna.Study) -> None:
        """Until every point is done, also those that other workers leave behind.

        Raises:
            StoppedError: it was asked to stop; its point waits for the next worker, and goes on from its checkpoint.
        """
        waited = False
        while True:
            if left(study, self.plan):
                with quiet():
                    study.optimize(lambda trial: self._take(study, trial), n_trials=1, catch=(NumericError,))
            elif at_work(study):
                if not waited:
                    self.say(f"{at_work(study)} at work elsewhere; what a lost worker leaves is taken up here")
                waited = True
                time.sleep(PAUSE)
            else:
                return

    def _take(self, study: optuna.Study, trial: optuna.Trial) -> list[float]:
        number, point = chosen(trial, self.plan)
        if is_twin(study, trial) or (self.plan.points and POINT not in trial.user_attrs):
            raise optuna.TrialPruned
        self.say(f"point {number}: {told(point)}")
        try:
            return self._run(trial, number, laid(self.document, point))
        except optuna.TrialPruned:
            raise
        except NumericError as fault:
            trial.set_user_attr(WHY, fault.problems[0].message)
            self.say(f"  failed: {fault.problems[0].message}")
            raise
        except BaseException:  # a signal, a full disk: no fault of the point, which waits for the next worker
            study.enqueue_trial(trial.params, user_attrs={POINT: number})
            raise

    def _run(self, trial: optuna.Trial, number: int, document: Document) -> list[float]:
        """Train the point, or say why it may not be."""
        begun = time.monotonic()
        folder = self.out / POINTS / f"{number:03d}"
        try:
            checked(document, self.catalogue)  # as a whole: its own stages alone would hide what the shared ones lack
            own = trained_once(document, self.parts, self.out / SHARED, self._train)
            self._train(own, folder, trial)
        except HopelessError as fault:
            trial.set_user_attr(STATE, "pruned")
            trial.set_user_attr(WHY, fault.problems[0].message)
            self.say(f"  pruned: {fault.problems[0].message}")
            raise optuna.TrialPruned from None
        except (StoppedError, NumericError):
            raise
        except ZerokdError as fault:
            if fault.exit_code != 2:
                raise
            trial.set_user_attr(WHY, fault.problems[0].message)
            self.say(f"  refused: {fault.problems[0].message}")
            raise optuna.TrialPruned from None
        result = read_manifest(RunFolder(folder))["result"]
        values = [one for one in reached(self.plan.goals, result) if one is not None]
        if len(values) < len(self.plan.goals):
            trial.set_user_attr(WHY, "a metric gave no number")
            raise optuna.TrialPruned
        trial.set_user_attr(FOLDER, f"{POINTS}/{folder.name}")
        trial.set_user_attr(SECONDS, round(time.monotonic() - begun, 1))
        shown = zip(self.plan.goals, values, strict=True)
        self.say("  " + ", ".join(f"{goal.name} {value:.4g} {goal.unit}".rstrip() for goal, value in shown))
        return values

    def _train(self, document: Document, folder: Path, trial: optuna.Trial | None = None) -> Path:
        """A run of its own, gone on with where one was begun; all that it would say is in its folder."""
        if folder.exists() and not RunFolder(folder).manifest.exists():  # its worker was killed before the first step
            shutil.rmtree(folder)
        progress = Progress(Console(file=io.StringIO()))
        if trial is not None and self.plan.prune is not None:
            progress = Watched(trial, self.parts.own[-1], self.plan.prune, self.plan.goals[0].higher)
        return start(document, self.catalogue, self.device, folder, True, progress)
