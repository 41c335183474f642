"""The log of a run: each step and epoch as a line of JSON, also passed to watchers."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from zerokd.errors import Problem, RunFolderError
from zerokd.objective.gradients import GradientComparison
from zerokd.objective.objective import Objective
from zerokd.objective.result import StepNumbers
from zerokd.objective.stage_plan import StagePlan
from zerokd.training.log_records import StepLine, TermNumbers, read_log_lines
from zerokd.training.nonfinite import NonFiniteStep

STRICT_ENCODER = json.JSONEncoder(allow_nan=False)
NO_FACTORS: Mapping[str, float] = MappingProxyType({})
LINES_PER_WRITE = 16  # encoding step lines one by one takes three times as long: the caches are cold each time


Watcher = Callable[[Mapping[str, Any]], None]


def open_metrics(path: Path, length: int) -> TextIO:
    """The metrics file of a new run (``length`` 0), or of a resumed one, cut to its first ``length`` bytes.

    Raises:
        RunFolderError: the file is shorter than that.
    """
    if length:
        size = path.stat().st_size if path.exists() else 0
        if size < length:
            text = f"{str(path)!r} has {size} bytes; it had {length} when the checkpoint was saved"
            hint = "the file was changed after that: restore it, or start a new run"
            raise RunFolderError(Problem(text, hints=(hint,)))
        os.truncate(path, length)
    return path.open("a" if length else "w", encoding="utf-8")


def write_lines(file: TextIO, *lines: Mapping[str, Any]) -> None:
    """Write each object as a line of JSON; lines of epochs and metrics are flushed with all before them."""
    for line in lines:
        try:
            text = STRICT_ENCODER.encode(line)
        except ValueError:
            text = json.dumps(replace_nonfinite(line))
        file.write(text + "\n")
        if line["kind"] in ("epoch", "metric"):
            file.flush()


class StepLog:
    """The log of one stage.

    Each line is an object whose ``kind`` is ``step``, ``gradients``, ``epoch``, ``skipped`` or ``metric``. A step is a
    :class:`StepLine`; an epoch has the means of its steps. ``gradients`` follows some steps, with the gradients of the
    weighted terms at the student's parameters: ``norm``, ``share`` of the sum of norms, and the ``cosines`` of all
    pairs, rows and columns in the order of ``labels``. Watchers get those with the step, under ``gradients``. A stage
    ends with a ``metric`` line for each metric. The lines of a ``critic``, whose log shares the file, have its own
    name as their stage.
    """

    def __init__(
        self,
        stage: StagePlan,
        objective: Objective,
        file: TextIO,
        watchers: tuple[Watcher, ...] = (),
        critic: StepLog | None = None,
    ):
        self.critic = critic
        self.stage, self.labels, self.file, self.watchers = stage, tuple(objective.weights), file, watchers
        self.monitored_labels = objective.monitored_labels
        self.step = 0
        self._epoch_lines: list[StepLine] = []
        self._pending_lines: list[Mapping[str, Any]] = []

    def __enter__(self) -> StepLog:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if self.critic:
            self.critic.__exit__(kind, value, trace)
        if kind is None:
            self._close_epoch()
        self._write_pending_lines()

    def resume(self, step: int) -> None:
        """Continue after ``step``; the lines of the open epoch are read from the end of the file.

        Raises:
            RunFolderError: the file is damaged.
        """
        self.step = step
        if self.critic and self.stage.critic:
            self.critic.resume(self.stage.critic.count_updates(step))
        for line in read_log_lines(Path(self.file.name)):
            if line["stage"] == self.stage.name and line["kind"] == "epoch":
                self._epoch_lines = []
            elif line["stage"] == self.stage.name and line["kind"] == "step":
                self._epoch_lines.append(_restore_nan(line))

    def flush(self) -> int:
        """Write all lines to disk; returns the length of the file in bytes."""
        if self.critic:
            self.critic.flush()
        self._write_pending_lines()
        self.file.flush()
        os.fsync(self.file.fileno())
        return self.file.tell()

    def record_step(
        self,
        epoch: int,
        learning_rate: float,
        numbers: StepNumbers,
        weights: Mapping[str, float],
        gradients: GradientComparison | None = None,
        factors: Mapping[str, float] = NO_FACTORS,
    ) -> None:
        """Log a step, the factors of its terms, and their gradients if they were compared."""
        total, gradient_norm, values = numbers
        if self._epoch_lines and self._epoch_lines[-1]["epoch"] != epoch:
            self._close_epoch()
        self.step += 1
        line: StepLine = {
            "kind": "step",
            "stage": self.stage.name,
            "epoch": epoch,
            "step": self.step,
            "total": total,
            "learning_rate": learning_rate,
            "gradient_norm": gradient_norm,
            "terms": {
                label: self._build_numbers(label, value, weights[label], factors.get(label))
                for label, value in values.items()
            },
        }
        self._epoch_lines.append(line)
        self._pending_lines.append(line)
        if gradients:
            position = {"kind": "gradients", "stage": self.stage.name, "epoch": epoch, "step": self.step}
            self._pending_lines.append(position | gradients.as_json())
        if len(self._pending_lines) >= LINES_PER_WRITE:
            self._write_pending_lines()
        self._notify_watchers({**line, "gradients": gradients.as_json()} if gradients else line)

    def record_skipped_step(self, failure: NonFiniteStep) -> None:
        """Log a skipped step, and why it was not finite."""
        self.step += 1
        record = failure.as_json()
        keys = ("stage", "epoch", "step", "images", "terms", "note")
        self._write_line({"kind": "skipped", **{key: record[key] for key in keys}})

    def record_metric(self, values: Mapping[str, Any]) -> None:
        """Log a metric that was measured during the stage."""
        self._pending_lines.append({"kind": "metric", "stage": self.stage.name, **values})
        self._write_pending_lines()

    def _close_epoch(self) -> None:
        if not self._epoch_lines:
            return
        lines, self._epoch_lines = self._epoch_lines, []
        terms = {
            label: self._mark(label, _average_term([line["terms"].get(label) for line in lines]))
            for label in self.labels
        }
        total = sum(line["total"] for line in lines) / len(lines)
        epoch = {"kind": "epoch", "stage": self.stage.name, "epoch": lines[-1]["epoch"], "steps": len(lines)}
        self._write_line({**epoch, "total": total, "terms": terms})

    def _build_numbers(self, label: str, value: float, weight: float, factor: float | None) -> TermNumbers:
        numbers: TermNumbers = {"value": value, "weight": weight, "contribution": weight * value}
        return self._mark(label, numbers if factor is None else {**numbers, "factor": factor})

    def _mark(self, label: str, numbers: TermNumbers) -> TermNumbers:
        return {**numbers, "monitored": True} if label in self.monitored_labels else numbers

    def _write_line(self, line: Mapping[str, Any]) -> None:
        self._pending_lines.append(line)
        self._write_pending_lines()
        self._notify_watchers(line)

    def _write_pending_lines(self) -> None:
        lines, self._pending_lines = self._pending_lines, []  # cleared first: a full disk must not write a line twice
        write_lines(self.file, *lines)

    def _notify_watchers(self, line: Mapping[str, Any]) -> None:
        for watcher in self.watchers:
            watcher(line)


def _average_term(steps: list[TermNumbers | None]) -> TermNumbers:
    """A term over an epoch: its value and factor over the steps that computed it, weight and contribution over all."""
    computed = [numbers for numbers in steps if numbers is not None]
    values = [numbers["value"] for numbers in computed if numbers["value"] is not None]
    means: TermNumbers = {
        "value": sum(values) / len(values) if values else None,
        "weight": sum(numbers["weight"] for numbers in computed) / len(steps),
        "contribution": sum(numbers["contribution"] for numbers in computed) / len(steps),
    }
    factors = [numbers["factor"] for numbers in computed if "factor" in numbers]
    return {**means, "factor": sum(factors) / len(factors)} if factors else means


def _restore_nan(line: dict[str, Any]) -> StepLine:
    """A line as it was before it was written, when a number that was not finite became null."""
    terms = {
        label: {key: math.nan if number is None else number for key, number in numbers.items()}
        for label, numbers in line["terms"].items()
    }
    return {**line, "terms": terms}  # type: ignore[typeddict-item]


def replace_nonfinite(value: Any) -> Any:
    """A copy of plain data with null for NaN and infinity, which JSON lacks; monitored terms may have both."""
    if isinstance(value, dict):
        return {key: replace_nonfinite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_nonfinite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
