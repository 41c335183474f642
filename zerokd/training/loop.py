"""The one training loop."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import frozen
from torch import Tensor

from zerokd.objective.aggregation import aggregate_gradients, collect_term_values
from zerokd.objective.gradients import compare_gradients
from zerokd.objective.result import ObjectiveResult
from zerokd.plugin.batch import Batch
from zerokd.recipe.build.components import Components
from zerokd.training.batches import iterate_batches, seed_global_generators
from zerokd.training.nonfinite import diagnose_nonfinite, restore_buffers
from zerokd.training.nonfinite_policy import NonFinitePolicy
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator
from zerokd.training.step_log import StepLog


def no_op() -> None:
    """Do nothing."""


@frozen(eq=False)
class Player:
    """What trains on an objective of its own: the student, or a critic.

    It takes ``steps`` steps on a batch, at one batch in ``every``.
    """

    state: StageState
    accumulator: GradientAccumulator
    step_log: StepLog
    every: int = 1
    steps: int = 1


def train(
    student: Player,
    components: Components,
    indices: list[int],
    nonfinite_policy: NonFinitePolicy,
    after_step: Callable[[], None] = no_op,
    critics: Sequence[Player] = (),
) -> None:
    """Train the student through one stage, from the step that its log has reached to the last; on each batch the
    ``critics`` take their steps before it.

    Raises:
        NotFiniteError: the objective or its gradient is not finite; the student is as it was before that step.
        Exception: an exception of ``after_step`` ends training after that step.
    """
    state, first_step = student.state, student.step_log.step
    device = state.parameters[0].device
    batches = Prefetcher(iterate_batches(components.data, indices, state.stage, components.seed, device, first_step))
    prefetch = no_op if device.type == "cpu" else batches.fetch  # a GPU computes while the CPU loads the next batch
    for batch in batches:
        for critic in critics:
            take_turn(critic, components, batch, nonfinite_policy)
            state.network.train()  # it was in eval mode while the critic trained
        train_step(student, components, batch, nonfinite_policy, prefetch)
        after_step()


def take_turn(critic: Player, components: Components, batch: Batch, nonfinite_policy: NonFinitePolicy) -> None:
    """Train a critic on a batch, if it is one of its own.

    Raises:
        NotFiniteError: see :func:`train`.
    """
    if batch.step % critic.every == 0:
        critic.state.network.train()  # it was in eval mode while the student trained
        for _ in range(critic.steps):
            train_step(critic, components, batch, nonfinite_policy)


def train_step(
    player: Player,
    components: Components,
    batch: Batch,
    nonfinite_policy: NonFinitePolicy,
    prefetch: Callable[[], None] = no_op,
) -> None:
    """Train a player on one batch. ``prefetch`` is called while a GPU still computes the step.

    Raises:
        NotFiniteError: see :func:`train`.
    """
    state, step_log = player.state, player.step_log
    stage, count = state.stage, step_log.step
    seed_global_generators(batch.low.device, components.seed, stage.name, count)  # random losses repeat after a resume
    buffer_values = [buffer.clone() for buffer in state.buffers()]  # the forward pass may update running statistics
    is_diagnosed = (count + 1) % components.diagnose_every == 0

    state.zero_grad()
    result, term_gradients = player.accumulator.forward_backward(
        batch, batch.step, is_diagnosed or stage.aggregator is not None
    )
    comparison = compare_gradients(term_gradients) if is_diagnosed else None
    factors = aggregate_step(state, result, term_gradients, batch.step)
    gradient_norm = state.clip_grad_norm()
    prefetch()
    numbers = result.to_numbers(gradient_norm)
    if math.isfinite(numbers[0]) and math.isfinite(numbers[1]):
        learning_rate = state.optimizer_step(batch.step)
        by_label = {} if factors is None else dict(zip(term_gradients, factors.tolist(), strict=True))
        step_log.record_step(batch.epoch, learning_rate, numbers, result.weights, comparison, by_label)
    else:
        restore_buffers(state.buffers(), buffer_values)
        failure = diagnose_nonfinite(stage, state.objective, batch, count + 1, result, state.network)
        nonfinite_policy.skip_step(failure)
        step_log.record_skipped_step(failure)


def aggregate_step(
    state: StageState, result: ObjectiveResult, term_gradients: Mapping[str, Tensor], step: int
) -> Tensor | None:
    """Replace the stored gradient by that of the stage's aggregator, if it has one; returns the factors of the terms
    with a gradient, (T,), of an aggregator that has some."""
    stage, aggregator = state.stage, state.aggregator
    if aggregator is None:
        return None
    terms = None
    if aggregator.reads_terms:
        means = {label: result.values[label].mean() for label in term_gradients}
        terms = collect_term_values(stage, term_gradients, means, result.weights, step)
    aggregated = aggregate_gradients(aggregator, stage.aggregator_name, term_gradients, terms)
    state.set_gradient(aggregated.gradient)
    return aggregated.factors


class Prefetcher(Iterator[Batch]):
    """Batches, each loaded when it is needed or by an earlier call of :meth:`fetch`."""

    def __init__(self, batches: Iterator[Batch]):
        self._batches = batches
        self._queue: deque[Batch | None] = deque()

    def fetch(self) -> None:
        """Load the next batch now."""
        self._queue.append(next(self._batches, None))

    def __next__(self) -> Batch:
        if not self._queue:
            self.fetch()
        batch = self._queue.popleft()
        if batch is None:
            raise StopIteration
        return batch
