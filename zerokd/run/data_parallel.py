"""One step's gradient from several processes: each computes some images of the batch. An image's value is its own, so
the sum is that of one process that computes them all."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence

import torch
from attrs import evolve, field, fields, frozen
from torch import Tensor

from zerokd.errors import Problem, RecipeError
from zerokd.objective.objective import Evaluation, joined
from zerokd.recipe.build.components import Components
from zerokd.run.interrupt import SIGNALS
from zerokd.run.session import Plan
from zerokd.training.batches import Batch, batches, generator, seed_draws
from zerokd.training.process_group import Group
from zerokd.training.state import Training
from zerokd.training.step import Stepper, sees_batch

Gradients = dict[str, Tensor]


@frozen(eq=False)
class Parallel(Stepper):
    """A stepper that has the other processes of its ``group`` compute their parts. ``shared`` are the tensors that
    training changes: each step they go to all."""

    group: Group = field(factory=Group)
    stage: int = 0
    shared: Sequence[Tensor] = ()

    def backward(self, batch: Batch, step: int, apart: bool) -> tuple[Evaluation, Gradients]:
        self.group.ask(self.stage, step, apart)
        self.group.share(self.shared)
        count = len(batch.names)
        evaluation, gradients = self.own_part(batch, step, apart)
        parts = [evaluation]
        for rank in range(1, self.group.size):
            own = self.group.part(count, rank)
            size = own.stop - own.start
            if size:
                self._add(self.group.receive(self._flat(), rank))
                rows = batch.low.new_empty(1 + len(evaluation.values), size, dtype=torch.float64)
                parts.append(_unpacked(self.group.receive(rows, rank), evaluation))
                if apart:
                    more = self.group.receive(torch.stack(list(gradients.values())), rank)
                    gradients = {label: one + more[row] for row, (label, one) in enumerate(gradients.items())}
        return joined(parts), gradients

    def own_part(self, batch: Batch, step: int, apart: bool) -> tuple[Evaluation, Gradients]:
        """This process's images alone; what is stored of a gradient before is taken to be 0."""
        mine, count = self.group.part(len(batch.names)), len(batch.names)
        part = evolve(batch, low=batch.low[mine], names=batch.names[mine])
        evaluation, gradients = Stepper.backward(self, part, step, apart)
        share = len(part.names) / count
        for one in self.parameters:
            assert one.grad is not None
            one.grad.mul_(share)
        return evaluation, {label: share * one for label, one in gradients.items()}

    def follow(self, batch: Batch, step: int, apart: bool) -> None:
        """Compute this process's part and send it."""
        if not batch.names[self.group.part(len(batch.names))]:
            return
        evaluation, gradients = self.own_part(batch, step, apart)
        self.group.send(self._flat())
        self.group.send(_packed(evaluation))
        if apart:
            self.group.send(torch.stack(list(gradients.values())))

    def _flat(self) -> Tensor:
        return torch.cat([one.grad.reshape(-1) for one in self.parameters if one.grad is not None])


def shared_out(plan: Plan, group: Group) -> Plan:
    """The plan of a run by several processes.

    Raises:
        RecipeError: the student sees its batch as a whole.
    """
    if group.size == 1:
        return plan
    noise = torch.rand(2, *plan.images(1).shape[1:], generator=generator("shared out")).to(plan.device)
    if sees_batch(plan.components.student, noise):
        text = "the student sees its batch as a whole (batch normalisation?), so that it cannot be shared out"
        raise RecipeError(Problem(text, hints=("train it with one process",), code="depends-on-batch"))
    return evolve(
        plan, steppers=tuple(_parallel(plan.components, one, group, n) for n, one in enumerate(plan.steppers))
    )


def _parallel(components: Components, stepper: Stepper, group: Group, stage: int) -> Parallel:
    given = {one.name: getattr(stepper, one.name) for one in fields(Stepper)}
    followers = [parameter for one in components.averages.values() for parameter in one.model.parameters()]
    return Parallel(**given, group=group, stage=stage, shared=[*stepper.parameters, *followers])


def serve(plan: Plan, group: Group) -> None:
    """Compute what the leader asks for, until it asks for nothing more: a signal to all is the leader's to heed."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    current = -1
    coming: Iterator[tuple[int, Batch]] = iter(())
    training: Training | None = None
    while (order := group.asked()) is not None:
        stage, step, apart = order
        stepper = plan.steppers[stage]
        assert isinstance(stepper, Parallel)
        if stage != current:
            training, current, coming = Training(stepper.phase, stepper.objective, plan.components), stage, iter(())
        group.share(stepper.shared)
        number, batch = next(coming, (-1, None))
        if number != step or batch is None:
            coming = _from(plan, stepper, step)
            _, batch = next(coming)
        assert training is not None
        training.forget()
        seed_draws(plan.device, plan.components.seed, stepper.phase.name, step)
        stepper.follow(batch, step, apart)


def _from(plan: Plan, stepper: Stepper, step: int) -> Iterator[tuple[int, Batch]]:
    made = batches(plan.components.data, plan.training, stepper.phase, plan.components.seed, plan.device, step)
    return enumerate(made, step)


def _packed(evaluation: Evaluation) -> Tensor:
    """Total and values as one tensor (1 + terms, images)."""
    values = list(evaluation.values.values())
    return torch.stack([evaluation.total.expand(len(values[0])), *values]).detach().double()


def _unpacked(rows: Tensor, like: Evaluation) -> Evaluation:
    values: Mapping[str, Tensor] = like.values
    found = {label: row.to(values[label].dtype) for label, row in zip(values, rows[1:], strict=True)}
    return Evaluation(rows[0, 0].to(like.total.dtype), found, like.weights)
