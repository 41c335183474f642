"""Data parallelism: each process computes the gradient of some images of a batch, and the leader adds them up.

The value of an image depends on no other image, so the sum equals that of one process, within rounding.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence

import torch
from attrs import evolve, field, fields, frozen
from torch import Tensor

from zerokd.errors import Problem, RecipeError
from zerokd.objective.result import ObjectiveResult, merge_micro_batches
from zerokd.plugin.batch import Batch, create_generator
from zerokd.recipe.build.components import Components
from zerokd.run.interrupt import STOP_SIGNALS
from zerokd.run.plan import RunPlan
from zerokd.training.batches import iterate_batches, seed_global_generators
from zerokd.training.process_group import ProcessGroup
from zerokd.training.state import StageState
from zerokd.training.step import GradientAccumulator, depends_on_batch

Gradients = dict[str, Tensor]


@frozen(eq=False)
class DataParallelAccumulator(GradientAccumulator):
    """An accumulator that has the other processes of its ``group`` compute their part of each batch.

    ``synced_tensors`` are those that training changes; the leader sends them to all before each step.
    """

    group: ProcessGroup = field(factory=ProcessGroup)
    stage_index: int = 0
    synced_tensors: Sequence[Tensor] = ()

    def forward_backward(self, batch: Batch, step: int, per_term: bool) -> tuple[ObjectiveResult, Gradients]:
        self.group.broadcast_order(self.stage_index, step, per_term)
        self.group.broadcast_tensors(self.synced_tensors)
        count = len(batch.names)
        result, gradients = self.backward_own_images(batch, step, per_term)
        parts = [result]
        for rank in range(1, self.group.size):
            images = self.group.get_slice(count, rank)
            size = images.stop - images.start
            if size:
                self._add_gradient(self.group.receive(self._flatten_gradients(), rank))
                rows = batch.low.new_empty(1 + len(result.values), size, dtype=torch.float64)
                parts.append(_unpack_result(self.group.receive(rows, rank), result))
                if per_term:
                    received = self.group.receive(torch.stack(list(gradients.values())), rank)
                    gradients = {
                        label: gradient + received[row] for row, (label, gradient) in enumerate(gradients.items())
                    }
        return merge_micro_batches(parts), gradients

    def backward_own_images(self, batch: Batch, step: int, per_term: bool) -> tuple[ObjectiveResult, Gradients]:
        """The gradient of this process's images, weighed by their share of the batch. Stored gradients must be 0."""
        images, count = self.group.get_slice(len(batch.names)), len(batch.names)
        part = batch.select(images)
        result, gradients = GradientAccumulator.forward_backward(self, part, step, per_term)
        share = len(part.names) / count
        for parameter in self.parameters:
            assert parameter.grad is not None
            parameter.grad.mul_(share)
        return result, {label: share * gradient for label, gradient in gradients.items()}

    def compute_and_send(self, batch: Batch, step: int, per_term: bool) -> None:
        """Compute this process's part and send it."""
        if not batch.names[self.group.get_slice(len(batch.names))]:
            return
        result, gradients = self.backward_own_images(batch, step, per_term)
        self.group.send(self._flatten_gradients())
        self.group.send(_pack_result(result))
        if per_term:
            self.group.send(torch.stack(list(gradients.values())))

    def _flatten_gradients(self) -> Tensor:
        return torch.cat([parameter.grad.reshape(-1) for parameter in self.parameters if parameter.grad is not None])


def parallelize_plan(plan: RunPlan, group: ProcessGroup) -> RunPlan:
    """The plan of a run that several processes compute.

    Raises:
        RecipeError: the student's output for an image depends on the other images of the batch.
    """
    if group.size == 1:
        return plan
    if plan.critics:
        text = f"stage {next(iter(plan.critics))!r} has a critic, and several processes cannot take turns"
        raise RecipeError(Problem(text, hints=("train it with one process",), code="setting"))
    noise = torch.rand(2, *plan.load_images(1).shape[1:], generator=create_generator("shared out")).to(plan.device)
    if depends_on_batch(plan.components.student, noise):
        text = "the student depends on the whole batch (batch normalisation?), so processes cannot split it"
        raise RecipeError(Problem(text, hints=("train it with one process",), code="depends-on-batch"))
    accumulators = (
        _parallelize(plan.components, accumulator, group, index) for index, accumulator in enumerate(plan.accumulators)
    )
    return evolve(plan, accumulators=tuple(accumulators))


def _parallelize(
    components: Components, accumulator: GradientAccumulator, group: ProcessGroup, stage_index: int
) -> DataParallelAccumulator:
    values = {attribute.name: getattr(accumulator, attribute.name) for attribute in fields(GradientAccumulator)}
    averages = [parameter for average in components.averages.values() for parameter in average.model.parameters()]
    synced_tensors = [*accumulator.parameters, *averages]
    return DataParallelAccumulator(**values, group=group, stage_index=stage_index, synced_tensors=synced_tensors)


def follow_leader(plan: RunPlan, group: ProcessGroup) -> None:
    """Compute what the leader orders until it orders nothing more. Only the leader reacts to stop signals."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    current = -1
    batches: Iterator[tuple[int, Batch]] = iter(())
    state: StageState | None = None
    while (order := group.receive_order()) is not None:
        stage_index, step, per_term = order
        accumulator = plan.accumulators[stage_index]
        assert isinstance(accumulator, DataParallelAccumulator)
        if state is None or stage_index != current:
            state = StageState(accumulator.stage, accumulator.objective, plan.components)
            current, batches = stage_index, iter(())
        group.broadcast_tensors(accumulator.synced_tensors)
        batch_step, batch = next(batches, (-1, None))
        if batch_step != step or batch is None:
            batches = _iterate_from_step(plan, accumulator, step)
            _, batch = next(batches)
        state.zero_grad()
        seed_global_generators(plan.device, plan.components.seed, accumulator.stage.name, step)
        accumulator.compute_and_send(batch, step, per_term)


def _iterate_from_step(plan: RunPlan, accumulator: GradientAccumulator, step: int) -> Iterator[tuple[int, Batch]]:
    data, seed = plan.components.data, plan.components.seed
    return enumerate(iterate_batches(data, plan.training_indices, accumulator.stage, seed, plan.device, step), step)


def _pack_result(result: ObjectiveResult) -> Tensor:
    """Total and values as one tensor (1 + terms, images)."""
    values = list(result.values.values())
    return torch.stack([result.total.expand(len(values[0])), *values]).detach().double()


def _unpack_result(rows: Tensor, like: ObjectiveResult) -> ObjectiveResult:
    values: Mapping[str, Tensor] = like.values
    received = {label: row.to(values[label].dtype) for label, row in zip(values, rows[1:], strict=True)}
    return ObjectiveResult(rows[0, 0].to(like.total.dtype), received, like.weights)
