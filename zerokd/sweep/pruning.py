"""Points that look hopeless, ended early: by one term's raw value, epoch by epoch, beside that of the other points.

A term's value can be compared between points; the objective cannot, since alpha and beta are part of its scale.
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

STARTUP_TRIALS = 3  # points that are trained to their end before any is given up
WARMUP_DIVISOR = 4  # the part of a stage's epochs, one in so many, after which a point may be given up


class PointPrunedError(StoppedError):
    """A point is worse than the median of the others."""


def build_pruner(components: Components, goals: list[Goal], label: str | None) -> optuna.pruners.BasePruner:
    """How points are given up, by the term of that label in the recipe's last stage; without a label, never.

    Raises:
        RecipeError: there is no such term, or several goals, of which no single one could be given up for.
    """
    if label is None:
        return optuna.pruners.NopPruner()
    last = components.stages[-1]
    labels = [term.label for term in last.terms]
    if label not in labels:
        text = f"stage {last.name!r} has no term {label!r}"
        raise RecipeError(Problem(text, hints=did_you_mean(label, labels), code="setting"))
    if len(goals) > 1:
        hint = "name one: --goal fidelity"
        raise RecipeError(Problem("points are pruned for one goal; there are several", hints=(hint,), code="setting"))
    return optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=last.epochs // WARMUP_DIVISOR)


class PruningProgress(Progress):
    """A run's silent progress that gives it up where its last stage looks hopeless. ``higher`` is the goal's way."""

    def __init__(self, trial: optuna.Trial, last_stage: str, label: str, higher_is_better: bool):
        super().__init__(Console(file=io.StringIO()))
        self.trial, self.last_stage, self.label, self.sign = trial, last_stage, label, -1.0 if higher_is_better else 1.0

    @contextmanager
    def track_stage(self, stage: StagePlan) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        with super().track_stage(stage) as watch:

            def both(line: Mapping[str, Any]) -> None:
                watch(line)
                if line["kind"] == "epoch" and stage.name == self.last_stage and line["epoch"] + 1 < stage.epochs:
                    self._prune_if_worse(line["epoch"], line["terms"][self.label]["value"])

            yield both

    def _prune_if_worse(self, epoch: int, value: float | None) -> None:
        """A loss is better where it is less, whatever the way of the goal."""
        if value is None:
            return
        self.trial.report(self.sign * value, epoch)
        if self.trial.should_prune():
            raise PointPrunedError(f"{self.label} is {value:.3g} after epoch {epoch + 1}, worse than the median")
