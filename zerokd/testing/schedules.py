"""What a schedule promises: a pure function of the step, known before the first one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zerokd.plugin.clock import Clock
from zerokd.testing.check import CheckError, Subject, require, rule

CLOCKS = (Clock(1, 1), Clock(7, 3), Clock(1000, 50))


def schedule_values(subject: Subject) -> Iterator[tuple[Clock, np.ndarray]]:
    """Its numbers in stages of some lengths; those that it refuses are left out, but not all of them."""
    count = 0
    for clock in CLOCKS:
        try:
            found = subject.build().values(np.arange(clock.steps, dtype=np.float64), clock)
        except ValueError as error:
            require(str(error), f"it refuses {clock.steps} steps without a word")
            continue
        except Exception as error:
            raise CheckError(f"{type(error).__name__} in a stage of {clock.steps} steps: {error}") from error
        count += 1
        yield clock, found
    require(count, f"it refuses stages of {', '.join(str(clock.steps) for clock in CLOCKS)} steps")


@rule()
def numbers(subject: Subject) -> None:
    """a finite float64 for every step"""
    for clock, found in schedule_values(subject):
        fits = isinstance(found, np.ndarray) and found.dtype == np.float64 and found.shape == (clock.steps,)
        require(fits, f"{clock.steps} steps give {getattr(found, 'dtype', type(found))} {getattr(found, 'shape', '')}")
        require(np.isfinite(found).all(), f"a number of a stage of {clock.steps} steps is not finite")


@rule()
def pure(subject: Subject) -> None:
    """a step's number depends on the step alone: not on the steps asked with it, their order, or earlier calls"""
    for clock, found in schedule_values(subject):
        one, steps = subject.build(), np.arange(clock.steps, dtype=np.float64)
        chosen = np.unique([0, clock.steps // 3, clock.steps - 1])
        alone = np.array([one.values(steps[step : step + 1], clock)[0] for step in chosen])
        require(np.array_equal(alone, found[chosen]), f"single steps of {clock.steps} have other numbers")
        require(np.array_equal(one.values(steps[::-1], clock)[::-1], found), "steps in reverse have other numbers")


@rule()
def inputs_unchanged(subject: Subject) -> None:
    """the steps that it is given stay as they are"""
    for clock, _ in schedule_values(subject):
        steps = np.arange(clock.steps, dtype=np.float64)
        subject.build().values(steps, clock)
        require(np.array_equal(steps, np.arange(clock.steps)), "it writes to the steps")


RULES = (numbers, pure, inputs_unchanged)
