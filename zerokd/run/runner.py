"""The one training loop. A stage says what is trained on what; this file says when."""

from __future__ import annotations

import math
from collections.abc import Callable

from zerokd.objective.aggregation import aggregated
from zerokd.objective.gradients import compare
from zerokd.recipe.components import Components
from zerokd.run.batches import Batch, batches, seed_draws
from zerokd.run.failure import explain, restore
from zerokd.run.guard import Guard
from zerokd.run.metrics import Metrics
from zerokd.run.step import Stepper
from zerokd.run.training import Training


def train(
    training: Training,
    stepper: Stepper,
    components: Components,
    indices: list[int],
    metrics: Metrics,
    guard: Guard,
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """Train the student through one stage, from the step that the metrics stand at.

    Raises:
        NotFiniteError: the objective or its gradient is not finite; the student is as it was before that step.
        Exception: whatever ``after_step`` raises ends the training after that step.
    """
    device = training.parameters[0].device
    for batch in batches(components.data, indices, training.phase, components.seed, device, metrics.step):
        take(training, stepper, components, batch, metrics, guard)
        after_step()


def take(
    training: Training, stepper: Stepper, components: Components, batch: Batch, metrics: Metrics, guard: Guard
) -> None:
    """One step on one batch.

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
    numbers = evaluation.numbers(norm)
    if all(map(math.isfinite, numbers[:2])):
        rate = training.descend(step)
        metrics.record(batch.epoch, rate, numbers, evaluation.weights, shares)
    else:
        restore(buffers, kept)
        failure = explain(phase, training.objective, batch, step + 1, evaluation, training.student)
        guard.leave_out(failure)
        metrics.skip(failure)
