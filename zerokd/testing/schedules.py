"""Rules for schedules: a pure function of the step, known before training starts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zerokd.plugin.clock import Clock
from zerokd.testing.check import CheckError, Subject, require, rule

CLOCKS = (Clock(1, 1), Clock(7, 3), Clock(1000, 50))


def schedule_values(subject: Subject) -> Iterator[tuple[Clock, np.ndarray]]:
    """Yield its values for stages of several lengths. It may refuse some lengths, but not all."""
    count = 0
    for clock in CLOCKS:
        try:
            values = subject.build().values(np.arange(clock.steps, dtype=np.float64), clock)
        except ValueError as error:
            require(str(error), f"it refuses {clock.steps} steps without a message")
            continue
        except Exception as error:
            raise CheckError(f"{type(error).__name__} in a stage of {clock.steps} steps: {error}") from error
        count += 1
        yield clock, values
    require(count, f"it refuses stages of {', '.join(str(clock.steps) for clock in CLOCKS)} steps")


@rule()
def numbers(subject: Subject) -> None:
    """a finite float64 for every step"""
    for clock, values in schedule_values(subject):
        fits = isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (clock.steps,)
        require(
            fits, f"{clock.steps} steps give {getattr(values, 'dtype', type(values))} {getattr(values, 'shape', '')}"
        )
        require(np.isfinite(values).all(), f"a number of a stage of {clock.steps} steps is not finite")


@rule()
def pure(subject: Subject) -> None:
    """a step's value depends on the step alone: not on other steps, their order, or earlier calls"""
    for clock, values in schedule_values(subject):
        schedule, steps = subject.build(), np.arange(clock.steps, dtype=np.float64)
        sample = np.unique([0, clock.steps // 3, clock.steps - 1])
        alone = np.array([schedule.values(steps[step : step + 1], clock)[0] for step in sample])
        require(np.array_equal(alone, values[sample]), f"single steps of {clock.steps} have other numbers")
        require(
            np.array_equal(schedule.values(steps[::-1], clock)[::-1], values), "steps in reverse have other numbers"
        )


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """it does not modify its input array"""
    for clock, _ in schedule_values(subject):
        steps = np.arange(clock.steps, dtype=np.float64)
        subject.build().values(steps, clock)
        require(np.array_equal(steps, np.arange(clock.steps)), "it writes to the steps")


RULES = (numbers, pure, inputs_unchanged)
