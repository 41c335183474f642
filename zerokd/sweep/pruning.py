"""Pruning: a trial ends early if the raw value of one term is worse than the median of the other trials.

A term's value is comparable between points. The objective is not: alpha and beta are part of its scale.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna
from rich.console import Console

from zerokd.errors import Problem, RecipeError, StoppedError, did_you_mean
from zerokd.objective.stage_plan import StagePlan
from zerokd.recipe.build.components import Components
from zerokd.run.progress import Progress
from zerokd.sweep.objectives import Goal

STARTUP_TRIALS = 3  # trials that finish before any is pruned
WARMUP_DIVISOR = 4  # no trial is pruned in the first 1/4 of its epochs


class TrialPrunedError(StoppedError):
    """A trial is worse than the median of the others."""


def build_pruner(components: Components, goals: list[Goal], label: str | None) -> optuna.pruners.BasePruner:
    """Prunes by the term of that label in the recipe's last stage; without a label, never.

    Raises:
        RecipeError: there is no such term, or more than one goal.
    """
    if label is None:
        return optuna.pruners.NopPruner()
    last = components.stages[-1]
    labels = [term.label for term in last.terms]
    if label not in labels:
        text = f"stage {last.name!r} has no term {label!r}"
        raise RecipeError(Problem(text, hints=did_you_mean(label, labels), code="setting"))
    if len(goals) > 1:
        text = "pruning needs a single goal; this sweep has several"
        raise RecipeError(Problem(text, hints=("choose one: --goal fidelity",), code="setting"))
    return optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=last.epochs // WARMUP_DIVISOR)


class PruningProgress(Progress):
    """The silent progress of a trial's run; ends the run if its last stage does worse than the median."""

    def __init__(self, trial: optuna.Trial, last_stage: str, label: str, higher_is_better: bool):
        super().__init__(Console(file=io.StringIO()))
        self.trial, self.last_stage, self.label = trial, last_stage, label
        self.sign = -1.0 if higher_is_better else 1.0  # the study's direction is the goal's; a lower loss is better

    @contextmanager
    def track_stage(self, stage: StagePlan) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        with super().track_stage(stage) as watch:

            def watch_and_prune(line: Mapping[str, Any]) -> None:
                watch(line)
                if line["kind"] == "epoch" and stage.name == self.last_stage and line["epoch"] + 1 < stage.epochs:
                    self.prune_if_worse(line["epoch"], line["terms"][self.label]["value"])

            yield watch_and_prune

    def prune_if_worse(self, epoch: int, value: float | None) -> None:
        """Report the term's value after an epoch (counted from 0).

        Raises:
            TrialPrunedError: it is worse than the median.
        """
        if value is None:
            return
        self.trial.report(self.sign * value, epoch)
        if self.trial.should_prune():
            raise TrialPrunedError(f"{self.label} is {value:.3g} after epoch {epoch + 1}, worse than the median")
