"""The length of a stage, and durations with a unit: ``"500 steps"``, ``"20 epochs"``."""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from attrs import frozen
from pydantic import AfterValidator, Field

DURATION_PATTERN = r"^(\d{1,9}(?:\.\d{1,9})?) (steps?|epochs?)$"


def _validate_duration(text: str) -> str:
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError('a duration has a unit, as in "500 steps" or "20 epochs"')
    return text


Duration = Annotated[str, AfterValidator(_validate_duration), Field(json_schema_extra={"pattern": DURATION_PATTERN})]


@frozen
class Clock:
    """A stage's number of steps, and of steps per epoch. Steps count from 0 at the stage's start."""

    steps: int
    steps_per_epoch: int

    def to_steps(self, duration: str) -> int:
        """Convert a duration to steps, rounded to the nearest."""
        number, unit = _validate_duration(duration).split()
        return round(float(number) * (self.steps_per_epoch if unit.startswith("epoch") else 1))

    def progress(self, steps: np.ndarray, start: str, end: str | None) -> np.ndarray:
        """Return each step's progress from ``start`` (0) to ``end`` (1, by default the stage's last step).

        Raises:
            ValueError: the end is not after the start.
        """
        first = self.to_steps(start)
        last = self.to_steps(end) if end is not None else max(self.steps - 1, first + 1)
        if last <= first:
            raise ValueError(f"it starts at step {first} and ends at step {last}")
        return np.clip((steps - first) / (last - first), 0.0, 1.0)

    def describe_step(self, step: int) -> str:
        """Format a step, counted from 1 as in the metrics."""
        epochs = -(-self.steps // self.steps_per_epoch)
        return f"step {step + 1} of {self.steps} (epoch {step // self.steps_per_epoch + 1} of {epochs})"
