"""When a run keeps what it needs to go on, and where a run that goes on starts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from attrs import define, field

from zerokd.errors import Problem, StoppedError
from zerokd.run.interrupt import Stop
from zerokd.training.checkpoint import Checkpoint, save
from zerokd.training.nonfinite_policy import Guard
from zerokd.training.state import Training
from zerokd.training.step_log import Metrics


@define(eq=False)
class Keeper:
    """Keeps a checkpoint every so many seconds, at the end of each stage, and when the run is asked to stop.

    ``found`` is the checkpoint that the run goes on from, ``done`` the finished stages, each with the capacity of the
    student after it, ``spent`` the seconds of training before this process.
    """

    folder: Path
    every: float
    stop: Stop
    guard: Guard
    found: Checkpoint | None = None
    done: dict[str, dict[str, Any]] = field(factory=dict)
    spent: float = 0.0
    _started: float = field(factory=time.monotonic)
    _saved: float = field(factory=time.monotonic)

    def __attrs_post_init__(self) -> None:
        if self.found:
            facts = self.found.facts
            self.done, self.spent, self.guard.skipped = dict(facts["done"]), facts["seconds"], facts["skipped"]

    @property
    def seconds(self) -> float:
        """How long the run has trained, in all its processes."""
        return self.spent + time.monotonic() - self._started

    @property
    def metrics_length(self) -> int:
        """Bytes of metrics.jsonl that the checkpoint knows of; what was written after it is computed again."""
        return int(self.found.facts["metrics"]) if self.found else 0

    def begin(self, training: Training, metrics: Metrics) -> None:
        """Give a stage what the checkpoint holds of it, if this is the stage that it was kept in."""
        if self.found and self.found.facts["stage"] == training.phase.name:
            training.restore(self.found.tensors)
            metrics.go_on(self.found.facts["step"])
            self.found = None

    def after_step(self, training: Training, metrics: Metrics) -> None:
        """Keep a checkpoint where it is time for one.

        Raises:
            StoppedError: the run was asked to stop; all that it has done is kept.
        """
        if self.stop.asked or time.monotonic() - self._saved >= self.every:
            self.keep(training, metrics)
        if self.stop.asked:
            where = f"stopped in stage {training.phase.name!r} after step {metrics.step}; nothing is lost"
            hint = f"go on with: zerokd resume {self.folder.parent}"
            raise StoppedError(Problem(where, hints=(hint,))).by(self.stop.asked)

    def keep(self, training: Training, metrics: Metrics) -> None:
        """Keep a checkpoint now."""
        facts = {
            "stage": training.phase.name,
            "step": metrics.step,
            "metrics": metrics.flushed(),
            "done": self.done,
            "skipped": self.guard.skipped,
            "seconds": round(self.seconds, 3),
        }
        save(self.folder, Checkpoint(training.state(), facts))
        self._saved = time.monotonic()
