"""What a run writes down of every step and epoch, as JSON lines, and hands to whoever watches."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TextIO

import torch
from torch import Tensor

from zerokd.objective.objective import Evaluation, Objective
from zerokd.recipe.components import Phase

Watcher = Callable[[dict[str, Any]], None]
HELD_STEPS = 16  # steps whose tensors wait on the device before they are read, so that no step has to


class Metrics:
    """The metrics of one stage. Each line is one object; ``kind`` is ``step`` or ``epoch``.

    A step has ``total``, ``learning_rate``, ``gradient_norm`` (before clipping) and, for every term, its raw ``value``
    (mean over the batch), its ``weight`` (group coefficient x term weight) and its ``contribution`` (their product). An
    epoch has the means of its steps.
    """

    def __init__(self, phase: Phase, objective: Objective, file: TextIO, watchers: tuple[Watcher, ...] = ()):
        self.phase, self.weights, self.file, self.watchers = phase, objective.weights, file, watchers
        self.step = 0
        self._waiting: list[tuple[int, float, Tensor]] = []
        self._epoch: list[dict[str, Any]] = []

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self._read()
        if kind is None:
            self._close_epoch()

    def record(self, epoch: int, rate: float, norm: Tensor, evaluation: Evaluation) -> None:
        """Note one step; cheap, and without waiting for the device."""
        means = [values.mean() for values in evaluation.values.values()]
        self._waiting.append((epoch, rate, torch.stack([evaluation.total, norm, *means]).detach()))
        self.step += 1
        if len(self._waiting) >= HELD_STEPS:
            self._read()

    def _read(self) -> None:
        first = self.step - len(self._waiting) + 1
        for step, (epoch, rate, numbers) in enumerate(self._waiting, first):
            total, norm, *values = numbers.tolist()
            terms = {
                label: {"value": value, "weight": weight, "contribution": weight * value}
                for (label, weight), value in zip(self.weights.items(), values, strict=True)
            }
            if self._epoch and self._epoch[-1]["epoch"] != epoch:
                self._close_epoch()
            line = {"kind": "step", "stage": self.phase.name, "epoch": epoch, "step": step, "total": total}
            self._epoch.append(line | {"learning_rate": rate, "gradient_norm": norm, "terms": terms})
            self._write(self._epoch[-1])
        self._waiting.clear()

    def _close_epoch(self) -> None:
        if not self._epoch:
            return
        lines, count = self._epoch, len(self._epoch)
        terms = {
            label: {
                "value": sum(line["terms"][label]["value"] for line in lines) / count,
                "weight": weight,
                "contribution": sum(line["terms"][label]["contribution"] for line in lines) / count,
            }
            for label, weight in self.weights.items()
        }
        total = sum(line["total"] for line in lines) / count
        epoch = {"kind": "epoch", "stage": self.phase.name, "epoch": lines[-1]["epoch"], "steps": count}
        self._write(epoch | {"total": total, "terms": terms})
        self._epoch = []

    def _write(self, line: dict[str, Any]) -> None:
        self.file.write(json.dumps(line) + "\n")
        if line["kind"] == "epoch":
            self.file.flush()
        for watcher in self.watchers:
            watcher(line)
