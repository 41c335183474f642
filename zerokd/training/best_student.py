"""The best student of a stage so far, by a metric; a part of the state of the stage."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zerokd.objective.selection import Selection

STUDENT_PREFIX = "student/"


class BestStudent:
    """A copy of the student at its best measurement.

    ``value`` and ``step`` (from 1) belong to that measurement; ``misses`` counts the measurements since then.
    """

    def __init__(self, student: nn.Module, selection: Selection):
        self.student, self.selection = student, selection
        self.value, self.step, self.misses = math.nan, 0, 0
        self.tensors: dict[str, Tensor] = {}

    @property
    def is_exhausted(self) -> bool:
        """Whether the stage should end: too many measurements in a row were no better."""
        return 0 < self.selection.patience <= self.misses

    def offer(self, value: float | None, step: int) -> bool:
        """Copy the student if this value is better than all before; None is a measurement that failed."""
        if value is None or not self._is_better(value):
            self.misses += 1
            return False
        self.value, self.step, self.misses = value, step, 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in self.student.state_dict().items()}
        return True

    def _is_better(self, value: float) -> bool:
        if not self.tensors:
            return True
        return value > self.value if self.selection.better == "higher" else value < self.value

    def state_dict(self) -> dict[str, Tensor]:
        """The copy and its numbers, as tensors that a checkpoint stores."""
        numbers = {
            "value": torch.tensor(self.value, dtype=torch.float64),
            "step": torch.tensor(self.step),
            "misses": torch.tensor(self.misses),
        }
        return numbers | {f"{STUDENT_PREFIX}{name}": tensor for name, tensor in self.tensors.items()}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.value = float(state_dict["value"])
        self.step, self.misses = int(state_dict["step"]), int(state_dict["misses"])
        own = self.student.state_dict()
        self.tensors = {
            name.removeprefix(STUDENT_PREFIX): tensor.clone().to(own[name.removeprefix(STUDENT_PREFIX)].device)
            for name, tensor in state_dict.items()
            if name.startswith(STUDENT_PREFIX)
        }
