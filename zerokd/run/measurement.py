"""Measures the student during a stage, and puts the one that leaves the run in its place."""

from __future__ import annotations

import torch
from attrs import frozen

from zerokd.errors import NumericError, Problem
from zerokd.run.plan import RunPlan
from zerokd.run.progress import Progress
from zerokd.run.records import ExportRecord
from zerokd.text import format_number
from zerokd.training.state import StageState
from zerokd.training.step_log import StepLog


class PatienceExhausted(Exception):  # noqa: N818 - it ends a stage and is no error
    """The stage ends: no measurement was better for too long."""


@frozen(eq=False)
class EpochMeasurement:
    """Measures the recipe's metrics every few epochs of a stage."""

    plan: RunPlan
    state: StageState
    step_log: StepLog
    progress: Progress

    def after_step(self) -> None:
        """Measure, if this step ends such an epoch, and log the values."""
        clock, step, every = self.state.stage.clock, self.step_log.step, self.plan.components.selection.measure_every
        epoch = -(-step // clock.steps_per_epoch)
        if not every or step % clock.steps_per_epoch or (epoch % every and step < clock.steps):
            return
        results = self.plan.evaluate_metrics()
        self.state.network.train()
        for name, result in results.items():
            position = {"epoch": epoch - 1, "step": step, "name": name, "measured_on": self.plan.measured_on}
            self.step_log.record_metric({**position, **result.as_json()})
        best = self.state.best
        if best is not None:
            value = results[best.selection.metric].value
            note = ", the best so far" if best.offer(value, step) else ""
            shown = "FAILED" if value is None else format_number(value)
            stage = self.state.stage
            self.progress.report(f"{stage.name} {epoch}/{stage.epochs}: {best.selection.metric} {shown}{note}")

    def end_if_exhausted(self) -> None:
        """End the stage if its patience is.

        Raises:
            PatienceExhausted: it is.
        """
        if self.state.best is not None and self.state.best.is_exhausted:
            raise PatienceExhausted


def install_export(plan: RunPlan, state: StageState, step: int) -> ExportRecord:
    """Give the student of the last stage the weights that leave the run after ``step`` steps; returns what they are.

    Raises:
        NumericError: the recipe exports the best student, and its metric failed at every measurement.
    """
    selection, best = plan.components.selection, state.best
    record: ExportRecord = {"export": selection.export}
    if best is not None and best.tensors:
        record |= {"metric": selection.metric, "value": best.value, "best_step": best.step}
    if best is not None and best.is_exhausted and step < state.stage.clock.steps:
        record |= {"ended_at_step": step}
    if selection.export == "average":
        _copy_into(state.network, dict(state.averages[selection.average].model.state_dict()))
    elif selection.export == "best":
        if best is None or not best.tensors:
            text = f"no student can be exported: the metric {selection.metric!r} failed at every measurement"
            raise NumericError(Problem(text, hints=("metrics.jsonl has the reasons",)))
        _copy_into(state.network, best.tensors)
    return record


def describe_export(record: ExportRecord) -> str:
    """What left a run, in words; "" for the student of the last step of a whole stage."""
    subject = {"average": "the average of the student", "best": "the best student"}.get(record["export"], "")
    parts = [f"exported: {subject}"] if subject else []
    if "metric" in record:
        parts.append(f"best {record['metric']} {format_number(record['value'])} at step {record['best_step']}")
    if "ended_at_step" in record:
        parts.append(f"the stage ended early, after step {record['ended_at_step']}")
    return "; ".join(parts)


@torch.no_grad()
def _copy_into(student: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    for name, tensor in student.state_dict().items():
        tensor.copy_(tensors[name])
