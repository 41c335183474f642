"""The one training loop. A stage says what is trained on what; this file says when."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from zerokd.objective.aggregation import aggregate_gradients
from zerokd.objective.gradients import compare_gradients
from zerokd.recipe.build.components import Components
from zerokd.training.batches import Batch, iterate_batches, seed_global_generators
from zerokd.training.nonfinite import diagnose_nonfinite, restore_buffers
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator
from zerokd.training.step_log import StepLog


def no_op() -> None:
    """What is to be done where there is nothing to do."""


def train(
    state: StageState,
    accumulator: GradientAccumulator,
    components: Components,
    indices: list[int],
    step_log: StepLog,
    nonfinite_policy: NonFinitePolicy,
    after_step: Callable[[], None] = no_op,
) -> None:
    """Train the student through one stage, from the step that the metrics stand at.

    Raises:
        NotFiniteError: the objective or its gradient is not finite; the student is as it was before that step.
        Exception: whatever ``after_step`` raises ends the training after that step.
    """
    device = state.parameters[0].device
    made = iterate_batches(components.data, indices, state.stage, components.seed, device, step_log.step)
    ahead = Prefetcher(made)
    for batch in ahead:
        train_step(
            state,
            accumulator,
            components,
            batch,
            step_log,
            nonfinite_policy,
            ahead.fetch if device.type != "cpu" else no_op,
        )
        after_step()


class Prefetcher(Iterator[Batch]):
    """Batches, each of which is made when it is asked for, or already while a device computes the one before."""

    def __init__(self, batches: Iterator[Batch]):
        self._batches = batches
        self._queue: deque[Batch | None] = deque()

    def fetch(self) -> None:
        """Make the next one."""
        self._queue.append(next(self._batches, None))

    def __next__(self) -> Batch:
        if not self._queue:
            self.fetch()
        batch = self._queue.popleft()
        if batch is None:
            raise StopIteration
        return batch


def train_step(
    state: StageState,
    accumulator: GradientAccumulator,
    components: Components,
    batch: Batch,
    step_log: StepLog,
    nonfinite_policy: NonFinitePolicy,
    prefetch: Callable[[], None] = no_op,
) -> None:
    """One step on one batch; ``meanwhile`` is what can be done while a device computes it.

    Raises:
        NotFiniteError: see :func:`train`.
    """
    stage, step, buffers = state.stage, step_log.step, state.buffers()
    seed_global_generators(batch.low.device, components.seed, stage.name, step)  # a term that draws can be repeated
    kept = [buffer.clone() for buffer in buffers]  # a forward may move them
    diagnosed = (step + 1) % components.diagnose_every == 0
    state.zero_grad()
    evaluation, gradients = accumulator.backward(batch, step, diagnosed or stage.aggregator is not None)
    shares = compare_gradients(gradients) if diagnosed else None
    if stage.aggregator is not None:
        state.set_gradient(aggregate_gradients(stage.aggregator, stage.aggregator_name, gradients))
    norm = state.clip_grad_norm()
    prefetch()
    numbers = evaluation.to_numbers(norm)
    if all(map(math.isfinite, numbers[:2])):
        rate = state.optimizer_step(step)
        step_log.record_step(batch.epoch, rate, numbers, evaluation.weights, shares)
    else:
        restore_buffers(buffers, kept)
        failure = diagnose_nonfinite(stage, state.objective, batch, step + 1, evaluation, state.student)
        nonfinite_policy.skip_step(failure)
        step_log.record_skipped_step(failure)
