"""What a user writes of an objective in Python: terms, and the lines that they stand on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zerokd.errors import Place, Problem, RecipeError, calling_place
from zerokd.plugin.clock import Clock
from zerokd.plugin.contracts import Adapter, Loss, Schedule

Number = float | Schedule | Mapping[str, Any]
AdapterChoice = str | Mapping[str, Any] | Adapter


class Term:
    """A loss in an objective that is written in Python.

    Args:
        loss: a :class:`~zerokd.Loss`, or the registered name of one; ``options`` are then its config.
        on: the signal of each port, ``{"prediction": "student.enhanced"}``; a port left out reads its default signal.
        adapt: adapters, applied in order to all ports: instances, names, or ``{"use": name, ...}`` tables.
        weight: multiplies the term's mean value inside its group: a number of at least 0, a schedule, or its
            ``{"use": "linear", ...}`` table.
        when: the steps that compute the term, ``{"from": "500 steps", "until": "20 epochs", "every": "2 steps"}``.
        monitor: compute and report the term without training on it.

    Examples:
        >>> import zerokd
        >>> zerokd.Term("mse", on={"prediction": "student.output", "target": "teacher.output"}, weight=0.5)
        Term('mse', on={'prediction': 'student.output', 'target': 'teacher.output'}, weight=0.5)
    """

    def __init__(
        self,
        loss: str | Loss,
        *,
        on: Mapping[str, str] | None = None,
        adapt: AdapterChoice | Sequence[AdapterChoice] = (),
        weight: Number = 1.0,
        when: Mapping[str, str] | None = None,
        monitor: bool = False,
        **options: Any,
    ):
        self.loss, self.options = loss, options
        self.on = dict(on or {})
        self.adapt = (adapt,) if isinstance(adapt, str | Mapping | Adapter) else tuple(adapt)
        self.weight, self.when, self.monitor = weight, dict(when or {}), monitor
        self.place = calling_place()

    def __repr__(self) -> str:
        loss = repr(self.loss) if isinstance(self.loss, str) else f"{type(self.loss).__name__}(...)"
        parts = [loss, *(f"{key}={value!r}" for key, value in self.options.items())]
        parts += [f"on={self.on!r}"] if self.on else []
        parts += [f"adapt={list(self.adapt)!r}"] if self.adapt else []
        parts += [f"weight={self.weight!r}"] if self.weight != 1.0 else []
        parts += [f"when={self.when!r}"] if self.when else []
        return f"Term({', '.join(parts)}{', monitor=True' if self.monitor else ''})"


def warn_of_fallbacks(fallbacks: Iterable[str], place: Place) -> None:
    """Warn, at a line of Python, of what a component does instead of what its config asks for."""
    for text in fallbacks:
        warnings.warn_explicit(f"FALLBACK: {text}", UserWarning, place.file, place.line)


def make_clock(steps: int | None, steps_per_epoch: int | None, place: Place) -> Clock | None:
    """The clock of a loop of ``steps``, which are one epoch by default; None where their number is unknown.

    Raises:
        RecipeError: a number is below 1, or epochs have a length without a number of steps.
    """
    if steps is None and steps_per_epoch is None:
        return None
    if steps is None or steps < 1 or (steps_per_epoch is not None and steps_per_epoch < 1):
        text = f"steps is {steps}, steps_per_epoch {steps_per_epoch}"
        raise RecipeError(Problem(text, place, ("both count steps, at least 1",), code="wrong-value"))
    return Clock(steps, steps_per_epoch or steps)
