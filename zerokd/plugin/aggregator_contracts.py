"""The contracts of what combines the gradients of a stage's terms into the one that the student follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from attrs import frozen
from torch import Tensor, nn

from zerokd.plugin.clock import Clock
from zerokd.plugin.component import Component


@frozen(eq=False)
class TermValues:
    """The T terms that have a weight at a step, in the order of the rows of their gradients.

    Attributes:
        labels: T labels, ``group.name``.
        positions: (T,), int64, the index of each label among those that :meth:`Aggregator.start` received.
        values: (T,), each term's mean value over the whole batch, before its weight.
        weights: (T,), the effective weight of each: coefficient of the group x weight of the term. A row is the
            gradient of weight x value.
        step: the step, counted from 0 at the start of the stage.
        clock: the length of the stage in steps, and of an epoch.
    """

    labels: tuple[str, ...]
    positions: Tensor
    values: Tensor
    weights: Tensor
    step: int
    clock: Clock


class Aggregator(Component, nn.Module):
    """Combines the gradients of a stage's terms into one for the student, instead of their sum.

    A stage without an aggregator uses the gradient of its objective, which is the sum.

    ``forward(gradients)`` combines ``gradients`` (T, P) to (P,) of the same type. Each term with a weight at this step
    has a row: the gradient of its weight times its mean value with respect to all P parameters of the student. With
    ``reads_terms = True`` it is called as ``forward(gradients, terms)``, with a :class:`TermValues` for the same rows.

    State belongs in buffers: checkpoints store them, and a step that is skipped leaves them as they were.
    ``nonnegative_values`` declares that the terms' values must not be negative; zerokd then refuses terms whose loss
    declares lower ``bounds``.
    """

    reads_terms: ClassVar[bool] = False
    nonnegative_values: ClassVar[bool] = False
    forward: Callable[..., Tensor]

    def start(self, labels: Sequence[str], clock: Clock) -> None:
        """Called once, before anything else, with the labels of all terms that train in the stage. Register state for
        each term here: buffers of shape (L, ...), in the order of these L labels. A term may rest at a step, and then
        has no row; its state stays.

        Raises:
            ValueError: it cannot work on these terms; the message says what to do.
        """


class Weighting(Aggregator):
    """An aggregator that multiplies the gradient of each term by a factor, in addition to the term's weight.

    Implement :meth:`factors` alone. zerokd logs the factors of every step as ``factor`` in metrics.jsonl and draws them
    in the report.
    """

    reads_terms = True

    def factors(self, gradients: Tensor, terms: TermValues) -> Tensor:
        """Return the factor of each row of ``gradients`` (T, P): (T,) of the same type, finite and not negative."""
        raise NotImplementedError

    def forward(self, gradients: Tensor, terms: TermValues) -> Tensor:
        """Return the sum of the gradients, each times its factor."""
        return self.factors(gradients, terms) @ gradients
