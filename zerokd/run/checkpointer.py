"""When a run keeps what it needs to go on, and where a run that goes on starts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from attrs import define, field

from zerokd.errors import Problem, StoppedError
from zerokd.run.interrupt import StopRequest
from zerokd.training.checkpoint import Checkpoint, save_checkpoint
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step_log import StepLog


@define(eq=False)
class Checkpointer:
    """Keeps a checkpoint every so many seconds, at the end of each stage, and when the run is asked to stop.

    ``found`` is the checkpoint that the run goes on from, ``done`` the finished stages, each with the capacity of the
    student after it, ``spent`` the seconds of training before this process.
    """

    folder: Path
    interval_seconds: float
    stop_request: StopRequest
    nonfinite_policy: NonFinitePolicy
    checkpoint: Checkpoint | None = None
    finished_stages: dict[str, dict[str, Any]] = field(factory=dict)
    previous_seconds: float = 0.0
    _started_at: float = field(factory=time.monotonic)
    _saved_at: float = field(factory=time.monotonic)

    def __attrs_post_init__(self) -> None:
        if self.checkpoint:
            facts = self.checkpoint.metadata
            self.finished_stages, self.previous_seconds, self.nonfinite_policy.skipped_steps = (
                dict(facts["done"]),
                facts["seconds"],
                facts["skipped"],
            )

    @property
    def training_seconds(self) -> float:
        """How long the run has trained, in all its processes."""
        return self.previous_seconds + time.monotonic() - self._started_at

    @property
    def metrics_length(self) -> int:
        """Bytes of metrics.jsonl that the checkpoint knows of; what was written after it is computed again."""
        return int(self.checkpoint.metadata["metrics"]) if self.checkpoint else 0

    def restore_stage(self, state: StageState, step_log: StepLog) -> None:
        """Give a stage what the checkpoint holds of it, if this is the stage that it was kept in."""
        if self.checkpoint and self.checkpoint.metadata["stage"] == state.stage.name:
            state.load_state_dict(self.checkpoint.tensors)
            step_log.resume(self.checkpoint.metadata["step"])
            self.checkpoint = None

    def after_step(self, state: StageState, step_log: StepLog) -> None:
        """Keep a checkpoint where it is time for one.

        Raises:
            StoppedError: the run was asked to stop; all that it has done is kept.
        """
        if self.stop_request.signal_number or time.monotonic() - self._saved_at >= self.interval_seconds:
            self.save(state, step_log)
        if self.stop_request.signal_number:
            where = f"stopped in stage {state.stage.name!r} after step {step_log.step}; nothing is lost"
            hint = f"go on with: zerokd resume {self.folder.parent}"
            raise StoppedError(Problem(where, hints=(hint,))).with_signal(self.stop_request.signal_number)

    def save(self, state: StageState, step_log: StepLog) -> None:
        """Keep a checkpoint now."""
        facts = {
            "stage": state.stage.name,
            "step": step_log.step,
            "metrics": step_log.flush(),
            "done": self.finished_stages,
            "skipped": self.nonfinite_policy.skipped_steps,
            "seconds": round(self.training_seconds, 3),
        }
        save_checkpoint(self.folder, Checkpoint(state.state_dict(), facts))
        self._saved_at = time.monotonic()
