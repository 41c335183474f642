"""One step's gradient from several processes: each computes some images of the batch. An image's value is its own, so
the sum is that of one process that computes them all."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence

import torch
from attrs import evolve, field, fields, frozen
from torch import Tensor

from zerokd.errors import Problem, RecipeError
from zerokd.objective.objective import ObjectiveResult, merge_micro_batches
from zerokd.recipe.build.components import Components
from zerokd.run.interrupt import STOP_SIGNALS
from zerokd.run.session import RunPlan
from zerokd.training.batches import Batch, create_generator, iterate_batches, seed_global_generators
from zerokd.training.process_group import ProcessGroup
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator, depends_on_batch

Gradients = dict[str, Tensor]


@frozen(eq=False)
class DataParallelAccumulator(GradientAccumulator):
    """A stepper that has the other processes of its ``group`` compute their parts. ``shared`` are the tensors that
    training changes: each step they go to all."""

    group: ProcessGroup = field(factory=ProcessGroup)
    stage_index: int = 0
    synced_tensors: Sequence[Tensor] = ()

    def backward(self, batch: Batch, step: int, per_term: bool) -> tuple[ObjectiveResult, Gradients]:
        self.group.broadcast_order(self.stage_index, step, per_term)
        self.group.broadcast_tensors(self.synced_tensors)
        count = len(batch.names)
        evaluation, gradients = self.backward_own_images(batch, step, per_term)
        parts = [evaluation]
        for rank in range(1, self.group.size):
            own = self.group.get_slice(count, rank)
            size = own.stop - own.start
            if size:
                self._add_gradient(self.group.receive(self._flatten_gradients(), rank))
                rows = batch.low.new_empty(1 + len(evaluation.values), size, dtype=torch.float64)
                parts.append(_unpack_evaluation(self.group.receive(rows, rank), evaluation))
                if per_term:
                    more = self.group.receive(torch.stack(list(gradients.values())), rank)
                    gradients = {label: one + more[row] for row, (label, one) in enumerate(gradients.items())}
        return merge_micro_batches(parts), gradients

    def backward_own_images(self, batch: Batch, step: int, per_term: bool) -> tuple[ObjectiveResult, Gradients]:
        """This process's images alone; what is stored of a gradient before is taken to be 0."""
        mine, count = self.group.get_slice(len(batch.names)), len(batch.names)
        part = evolve(batch, low=batch.low[mine], names=batch.names[mine])
        evaluation, gradients = GradientAccumulator.backward(self, part, step, per_term)
        share = len(part.names) / count
        for one in self.parameters:
            assert one.grad is not None
            one.grad.mul_(share)
        return evaluation, {label: share * one for label, one in gradients.items()}

    def compute_and_send(self, batch: Batch, step: int, per_term: bool) -> None:
        """Compute this process's part and send it."""
        if not batch.names[self.group.get_slice(len(batch.names))]:
            return
        evaluation, gradients = self.backward_own_images(batch, step, per_term)
        self.group.send(self._flatten_gradients())
        self.group.send(_pack_evaluation(evaluation))
        if per_term:
            self.group.send(torch.stack(list(gradients.values())))

    def _flatten_gradients(self) -> Tensor:
        return torch.cat([parameter.grad.reshape(-1) for parameter in self.parameters if parameter.grad is not None])


def parallelize_plan(plan: RunPlan, group: ProcessGroup) -> RunPlan:
    """The plan of a run by several processes.

    Raises:
        RecipeError: the student sees its batch as a whole.
    """
    if group.size == 1:
        return plan
    noise = torch.rand(2, *plan.load_images(1).shape[1:], generator=create_generator("shared out")).to(plan.device)
    if depends_on_batch(plan.components.student, noise):
        text = "the student sees its batch as a whole (batch normalisation?), so that it cannot be shared out"
        raise RecipeError(Problem(text, hints=("train it with one process",), code="depends-on-batch"))
    return evolve(
        plan,
        accumulators=tuple(_parallelize(plan.components, one, group, n) for n, one in enumerate(plan.accumulators)),
    )


def _parallelize(
    components: Components, accumulator: GradientAccumulator, group: ProcessGroup, stage_index: int
) -> DataParallelAccumulator:
    given = {one.name: getattr(accumulator, one.name) for one in fields(GradientAccumulator)}
    followers = [parameter for average in components.averages.values() for parameter in average.model.parameters()]
    return DataParallelAccumulator(
        **given, group=group, stage_index=stage_index, synced_tensors=[*accumulator.parameters, *followers]
    )


def follow_leader(plan: RunPlan, group: ProcessGroup) -> None:
    """Compute what the leader asks for, until it asks for nothing more: a signal to all is the leader's to heed."""
    for one in STOP_SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    current = -1
    coming: Iterator[tuple[int, Batch]] = iter(())
    training: StageState | None = None
    while (order := group.receive_order()) is not None:
        stage, step, apart = order
        accumulator = plan.accumulators[stage]
        assert isinstance(accumulator, DataParallelAccumulator)
        if stage != current:
            training, current, coming = (
                StageState(accumulator.stage, accumulator.objective, plan.components),
                stage,
                iter(()),
            )
        group.broadcast_tensors(accumulator.synced_tensors)
        number, batch = next(coming, (-1, None))
        if number != step or batch is None:
            coming = _iterate_from_step(plan, accumulator, step)
            _, batch = next(coming)
        assert training is not None
        training.zero_grad()
        seed_global_generators(plan.device, plan.components.seed, accumulator.stage.name, step)
        accumulator.compute_and_send(batch, step, apart)


def _iterate_from_step(plan: RunPlan, accumulator: GradientAccumulator, step: int) -> Iterator[tuple[int, Batch]]:
    made = iterate_batches(
        plan.components.data, plan.training_indices, accumulator.stage, plan.components.seed, plan.device, step
    )
    return enumerate(made, step)


def _pack_evaluation(evaluation: ObjectiveResult) -> Tensor:
    """Total and values as one tensor (1 + terms, images)."""
    values = list(evaluation.values.values())
    return torch.stack([evaluation.total.expand(len(values[0])), *values]).detach().double()


def _unpack_evaluation(rows: Tensor, like: ObjectiveResult) -> ObjectiveResult:
    values: Mapping[str, Tensor] = like.values
    found = {label: row.to(values[label].dtype) for label, row in zip(values, rows[1:], strict=True)}
    return ObjectiveResult(rows[0, 0].to(like.total.dtype), found, like.weights)
