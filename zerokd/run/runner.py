"""The one training loop. A stage says what is trained on what; this file says when."""

from __future__ import annotations

import torch
from torch import nn

from zerokd.objective.gradients import compare, term_gradients
from zerokd.objective.objective import Objective
from zerokd.recipe.components import Average, Components, Phase
from zerokd.run.batches import batches
from zerokd.run.failure import NotFiniteError, explain, restore
from zerokd.run.metrics import Metrics


def train(
    phase: Phase,
    objective: Objective,
    components: Components,
    indices: list[int],
    metrics: Metrics,
    device: torch.device,
) -> None:
    """Train the student through one stage.

    Raises:
        NotFiniteError: the objective or its gradient is not finite; the student is as it was before that step.
    """
    student = components.student
    read = {call.owner for call in objective.graph.forwards()}
    averages = [restart(average, student) for owner, average in components.averages.items() if owner in read]
    trained = [one for one in (*student.parameters(), *objective.parameters()) if one.requires_grad]
    settings = phase.optimizer
    optimizer = torch.optim.Adam(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, phase.clock.steps, eta_min=settings.final_learning_rate
    )
    for batch in batches(components.data, indices, phase, components.seed, device):
        buffers = [one.clone() for one in student.buffers()]  # a forward may move them
        evaluation = objective(phase.stage.inputs(batch.low), metrics.step)
        gradients = None
        if (metrics.step + 1) % components.diagnose_every == 0:
            parameters = [one for one in student.parameters() if one.requires_grad]
            gradients = compare(term_gradients(evaluation.weights, evaluation.values, parameters))
        optimizer.zero_grad()
        evaluation.total.backward()
        norm = nn.utils.clip_grad_norm_(trained, settings.clip_norm)
        if not torch.isfinite(torch.stack([evaluation.total.detach(), norm])).all():
            restore([*student.buffers()], buffers)
            raise NotFiniteError(explain(phase, objective, batch, metrics.step + 1, evaluation, student))
        rate = float(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        for average in averages:
            update(average, student)
        metrics.record(batch.epoch, rate, norm, evaluation, gradients)


def restart(average: Average, student: nn.Module) -> Average:
    """An average starts each stage as a copy of the student, so that it never remembers weights from before it."""
    average.model.load_state_dict(student.state_dict())
    return average


@torch.no_grad()
def update(average: Average, student: nn.Module) -> None:
    """Move the average one step towards the student: after the optimizer's step, every step."""
    for kept, new in zip(average.model.parameters(), student.parameters(), strict=True):
        kept.lerp_(new, 1 - average.decay)
    for stored, current in zip(average.model.buffers(), student.buffers(), strict=True):
        stored.copy_(current)
