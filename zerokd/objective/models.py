"""The models of an objective: the one that is trained, frozen ones, and moving averages."""

from __future__ import annotations

import torch
from attrs import field, frozen

from zerokd.plugin.contracts import Model

STUDENT = "student"  # the model that is trained; all others are frozen


@frozen(eq=False)
class Average:
    """A model's exponential moving average: same architecture, ``decay`` kept at each step."""

    source_name: str
    model: Model
    decay: float


@frozen(eq=False)
class ModelSet:
    """Every model that signals may come from, by name. The layers of the trained one compute in ``student_dtype``,
    float32 where that is None."""

    models: dict[str, Model]
    averages: dict[str, Average]
    student_dtype: torch.dtype | None = field(default=None, kw_only=True)

    @property
    def student(self) -> Model:
        return self.models[STUDENT]

    def get_role(self, owner: str) -> str:
        """``student``, ``ema`` for an average, ``teacher`` for any other model."""
        return STUDENT if owner == STUDENT else "ema" if owner in self.averages else "teacher"

    def get_model(self, owner: str) -> Model:
        """The model or average of that name, to be run."""
        return self.averages[owner].model if owner in self.averages else self.models[owner]
