"""When a run saves checkpoints, and where a resumed run continues."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

from attrs import define, field

from zerokd.errors import Problem, StoppedError, WeightsError
from zerokd.plugin.isolation import error_message
from zerokd.run.interrupt import StopRequest
from zerokd.run.records import CheckpointRecord, StageResult
from zerokd.training.checkpoint import Checkpoint, save_checkpoint
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step_log import StepLog


@define(eq=False)
class Checkpointer:
    """Saves a checkpoint every ``interval_seconds``, at the end of each stage, and before a requested stop.

    ``checkpoint`` is the one to resume, until its stage has been restored. ``previous_seconds`` is the training time of
    earlier processes.
    """

    folder: Path
    interval_seconds: float
    stop_request: StopRequest
    nonfinite_policy: NonFinitePolicy
    checkpoint: Checkpoint | None = None
    metrics_length: int = field(default=0, init=False)  # bytes of metrics.jsonl that the checkpoint knows of
    finished_stages: dict[str, StageResult] = field(factory=dict, init=False)
    previous_seconds: float = field(default=0.0, init=False)
    _started_at: float = field(factory=time.monotonic, init=False)
    _saved_at: float = field(factory=time.monotonic, init=False)

    def __attrs_post_init__(self) -> None:
        if self.checkpoint:
            record = cast(CheckpointRecord, self.checkpoint.metadata)
            self.finished_stages = dict(record["done"])
            self.metrics_length = int(record["metrics"])
            self.previous_seconds = record["seconds"]
            self.nonfinite_policy.skipped_steps = record["skipped"]

    @property
    def training_seconds(self) -> float:
        """How long the run has trained, over all its processes."""
        return self.previous_seconds + time.monotonic() - self._started_at

    def restore_stage(self, state: StageState, step_log: StepLog) -> None:
        """Restore a stage if the checkpoint was saved in it.

        Raises:
            WeightsError: it holds other tensors than the stage.
            RunFolderError: metrics.jsonl is damaged.
        """
        if self.checkpoint and self.checkpoint.metadata["stage"] == state.stage.name:
            step = self.checkpoint.metadata["step"]
            try:
                state.load_state_dict(self.checkpoint.tensors)
            except (LookupError, TypeError, ValueError, RuntimeError) as error:
                text = f"the checkpoint in {str(self.folder)!r} is not one of this run: {error_message(error)}"
                raise WeightsError(Problem(text, hints=("start a new run in another folder",))) from error
            step_log.resume(step)
            self.checkpoint = None

    def after_step(self, state: StageState, step_log: StepLog) -> None:
        """Save a checkpoint if one is due.

        Raises:
            StoppedError: a signal asked the run to stop; its checkpoint is saved.
        """
        if self.stop_request.signal_number or time.monotonic() - self._saved_at >= self.interval_seconds:
            self.save(state, step_log)
        if self.stop_request.signal_number:
            text = f"stopped in stage {state.stage.name!r} after step {step_log.step}; a checkpoint is saved"
            hint = f"resume with: zerokd resume {self.folder.parent}"
            raise StoppedError(Problem(text, hints=(hint,))).with_signal(self.stop_request.signal_number)

    def save(self, state: StageState, step_log: StepLog) -> None:
        """Save a checkpoint now."""
        record: CheckpointRecord = {
            "stage": state.stage.name,
            "step": step_log.step,
            "metrics": step_log.flush(),
            "done": self.finished_stages,
            "skipped": self.nonfinite_policy.skipped_steps,
            "seconds": round(self.training_seconds, 3),
        }
        save_checkpoint(self.folder, Checkpoint(state.state_dict(), dict(record)))
        self._saved_at = time.monotonic()
