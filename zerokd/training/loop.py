"""The one training loop. A stage says what is trained on what; this file says when."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from zerokd.objective.aggregation import aggregated
from zerokd.objective.gradients import compare
from zerokd.recipe.build.components import Components
from zerokd.training.batches import Batch, batches, seed_draws
from zerokd.training.nonfinite import explain, restore
from zerokd.training.nonfinite_policy import Guard
from zerokd.training.state import Training
from zerokd.training.step import Stepper
from zerokd.training.step_log import Metrics


def nothing() -> None:
    """What is to be done where there is nothing to do."""


def train(
    training: Training,
    stepper: Stepper,
    components: Components,
    indices: list[int],
    metrics: Metrics,
    guard: Guard,
    after_step: Callable[[], None] = nothing,
) -> None:
    """Train the student through one stage, from the step that the metrics stand at.

    Raises:
        NotFiniteError: the objective or its gradient is not finite; the student is as it was before that step.
        Exception: whatever ``after_step`` raises ends the training after that step.
    """
    device = training.parameters[0].device
    made = batches(components.data, indices, training.phase, components.seed, device, metrics.step)
    ahead = Ahead(made)
    for batch in ahead:
        take(training, stepper, components, batch, metrics, guard, ahead.fetch if device.type != "cpu" else nothing)
        after_step()


class Ahead(Iterator[Batch]):
    """Batches, each of which is made when it is asked for, or already while a device computes the one before."""

    def __init__(self, made: Iterator[Batch]):
        self._made = made
        self._fetched: deque[Batch | None] = deque()

    def fetch(self) -> None:
        """Make the next one."""
        self._fetched.append(next(self._made, None))

    def __next__(self) -> Batch:
        if not self._fetched:
            self.fetch()
        batch = self._fetched.popleft()
        if batch is None:
            raise StopIteration
        return batch


def take(
    training: Training,
    stepper: Stepper,
    components: Components,
    batch: Batch,
    metrics: Metrics,
    guard: Guard,
    meanwhile: Callable[[], None] = nothing,
) -> None:
    """One step on one batch; ``meanwhile`` is what can be done while a device computes it.

    Raises:
        NotFiniteError: see :func:`train`.
    """
    phase, step, buffers = training.phase, metrics.step, training.buffers()
    seed_draws(batch.low.device, components.seed, phase.name, step)  # a term that draws can be repeated
    kept = [one.clone() for one in buffers]  # a forward may move them
    diagnosed = (step + 1) % components.diagnose_every == 0
    training.forget()
    evaluation, gradients = stepper.backward(batch, step, diagnosed or phase.aggregator is not None)
    shares = compare(gradients) if diagnosed else None
    if phase.aggregator is not None:
        training.follow(aggregated(phase.aggregator, phase.aggregate, gradients))
    norm = training.clip()
    meanwhile()
    numbers = evaluation.numbers(norm)
    if all(map(math.isfinite, numbers[:2])):
        rate = training.descend(step)
        metrics.record(batch.epoch, rate, numbers, evaluation.weights, shares)
    else:
        restore(buffers, kept)
        failure = explain(phase, training.objective, batch, step + 1, evaluation, training.student)
        guard.leave_out(failure)
        metrics.skip(failure)
