"""What a run writes down of every step and epoch, as JSON lines, and hands to whoever watches."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from zerokd.errors import Problem, RunFolderError
from zerokd.objective.gradients import GradientComparison
from zerokd.objective.objective import Objective, StepNumbers
from zerokd.objective.stage_plan import StagePlan
from zerokd.training.nonfinite import NonFiniteStep

Watcher = Callable[[dict[str, Any]], None]
STRICT_ENCODER = json.JSONEncoder(allow_nan=False)
LINES_PER_WRITE = (
    16  # lines of steps that are encoded at once: one by one, each finds the caches cold and takes thrice that
)


def open_metrics(path: Path, length: int) -> TextIO:
    """The metrics file of a run that starts (``length`` 0), or of one that goes on after its first ``length`` bytes.

    Raises:
        RunFolderError: the file is shorter than that.
    """
    if length:
        held = path.stat().st_size if path.exists() else 0
        if held < length:
            text = f"{str(path)!r} has {held} bytes; there were {length} when the checkpoint was kept"
            raise RunFolderError(Problem(text, hints=("it was changed since: put it back, or start anew",)))
        os.truncate(path, length)
    return path.open("a" if length else "w", encoding="utf-8")


def write_lines(file: TextIO, *lines: dict[str, Any]) -> None:
    """Each object as a line of JSON; those of steps wait for the next of another kind to reach the disk."""
    for line in lines:
        try:
            text = STRICT_ENCODER.encode(line)
        except ValueError:
            text = json.dumps(replace_nonfinite(line))
        file.write(text + "\n")
        if line["kind"] in ("epoch", "metric"):
            file.flush()


class StepLog:
    """The metrics of one stage. Each line is one object; ``kind`` is ``step``, ``gradients``, ``epoch``, ``skipped`` or
    ``metric``.

    A step has ``total``, ``learning_rate``, ``gradient_norm`` (before clipping) and, for every term that it computes,
    its raw ``value`` (mean over the batch), its ``weight`` (group coefficient x term weight) and its ``contribution``
    (their product). An epoch has the means of its steps; a ``value`` of null says that the term was not computed in
    it. Some steps are followed by the gradients of their weighed terms at the student's parameters: ``norm``,
    ``share`` of the sum of norms, and the ``cosines`` of all pairs, rows and columns in the order of ``labels``.
    Whoever watches gets those with the step, under ``gradients``. A stage ends with a line for each metric.
    """

    def __init__(self, stage: StagePlan, objective: Objective, file: TextIO, watchers: tuple[Watcher, ...] = ()):
        self.stage, self.labels, self.file, self.watchers = stage, tuple(objective.weights), file, watchers
        self.step = 0
        self._epoch_lines: list[dict[str, Any]] = []
        self._pending_lines: list[dict[str, Any]] = []

    def __enter__(self) -> StepLog:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is None:
            self._close_epoch()
        self._write_pending_lines()

    def record_skipped_step(self, failure: NonFiniteStep) -> None:
        """Note a step that was left out, and why."""
        self.step += 1
        told = failure.as_json()
        where = {key: told[key] for key in ("stage", "epoch", "step", "images", "terms", "note")}
        self._write_line({"kind": "skipped", **where})

    def resume(self, step: int) -> None:
        """Go on after ``step``: the open epoch's lines are read from the file, whose end they are."""
        self.step = step
        for line in map(json.loads, Path(self.file.name).read_text(encoding="utf-8").splitlines()):
            if line["stage"] == self.stage.name and line["kind"] == "epoch":
                self._epoch_lines = []
            elif line["stage"] == self.stage.name and line["kind"] == "step":
                self._epoch_lines.append(_restore_nan(line))

    def flush(self) -> int:
        """Write all lines to disk; returns the file's length in bytes."""
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
    ) -> None:
        """Note one step, and the gradients of its terms where they were measured."""
        total, size, values = numbers
        terms = {
            label: {"value": value, "weight": weights[label], "contribution": weights[label] * value}
            for label, value in values.items()
        }
        if self._epoch_lines and self._epoch_lines[-1]["epoch"] != epoch:
            self._close_epoch()
        self.step += 1
        line = {"kind": "step", "stage": self.stage.name, "epoch": epoch, "step": self.step, "total": total}
        line |= {"learning_rate": learning_rate, "gradient_norm": size, "terms": terms}
        self._epoch_lines.append(line)
        self._pending_lines.append(line)
        if gradients:
            where = {"kind": "gradients", "stage": self.stage.name, "epoch": epoch, "step": self.step}
            self._pending_lines.append(where | gradients.as_json())
        if len(self._pending_lines) >= LINES_PER_WRITE:
            self._write_pending_lines()
        self._notify_watchers(line | {"gradients": gradients.as_json()} if gradients else line)

    def _close_epoch(self) -> None:
        if not self._epoch_lines:
            return
        lines, count = self._epoch_lines, len(self._epoch_lines)
        terms = {label: _average_term([line["terms"].get(label) for line in lines]) for label in self.labels}
        total = sum(line["total"] for line in lines) / count
        epoch = {"kind": "epoch", "stage": self.stage.name, "epoch": lines[-1]["epoch"], "steps": count}
        self._write_line(epoch | {"total": total, "terms": terms})
        self._epoch_lines = []

    def _write_line(self, line: dict[str, Any]) -> None:
        self._pending_lines.append(line)
        self._write_pending_lines()
        self._notify_watchers(line)

    def _write_pending_lines(self) -> None:
        waiting, self._pending_lines = self._pending_lines, []  # so that none is written twice where the disk is full
        write_lines(self.file, *waiting)

    def _notify_watchers(self, line: dict[str, Any]) -> None:
        for watcher in self.watchers:
            watcher(line)


def _average_term(steps: list[dict[str, float] | None]) -> dict[str, float | None]:
    """A term over an epoch: its value where it was computed, its weight and contribution over all steps."""
    computed = [step for step in steps if step is not None]
    value = sum(one["value"] for one in computed) / len(computed) if computed else None
    sums = {key: sum(one[key] for one in computed) / len(steps) for key in ("weight", "contribution")}
    return {"value": value, **sums}


def _restore_nan(line: dict[str, Any]) -> dict[str, Any]:
    """A line as it was before it was written: only a value that was not finite is null."""
    terms = {
        label: {key: math.nan if one is None else one for key, one in term.items()}
        for label, term in line["terms"].items()
    }
    return line | {"terms": terms}


def replace_nonfinite(value: Any) -> Any:
    """A copy that JSON can hold: it has no NaN and no infinity; a monitored term may have both."""
    if isinstance(value, dict):
        return {key: replace_nonfinite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [replace_nonfinite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
