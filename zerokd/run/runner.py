"""The one training loop. A stage says what is trained on what; this file says when."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zerokd.errors import NumericError, Problem
from zerokd.objective.objective import Evaluation, Objective
from zerokd.recipe.components import Average, Components, Phase
from zerokd.run.batches import Batch, batches
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
        NumericError: a gradient is not finite; no parameter has been changed by that step.
    """
    student = components.student
    read = {call.owner for call in objective.graph.forwards()}
    averages = [restart(average, student) for owner, average in components.averages.items() if owner in read]
    trained = [one for one in (*student.parameters(), *objective.parameters()) if one.requires_grad]
    settings = phase.optimizer
    optimizer = torch.optim.Adam(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    steps = phase.epochs * math.ceil(len(indices) / phase.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=settings.final_learning_rate)
    for batch in batches(components.data, indices, phase, components.seed, device):
        evaluation = objective(phase.stage.inputs(batch.low))
        optimizer.zero_grad()
        evaluation.total.backward()
        norm = nn.utils.clip_grad_norm_(trained, settings.clip_norm)
        if not torch.isfinite(norm):
            raise NumericError(not_finite(evaluation, batch, metrics.step + 1, phase))
        rate = float(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        for average in averages:
            update(average, student)
        metrics.record(batch.epoch, rate, norm, evaluation)


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


def not_finite(evaluation: Evaluation, batch: Batch, step: int, phase: Phase) -> Problem:
    """Which terms and images made a gradient that is not finite."""
    guilty = [
        f"{label} on {name}"
        for label, values in evaluation.values.items()
        for name, value in zip(batch.names, values, strict=True)
        if not _finite(value)
    ]
    cause = (
        "; ".join(guilty) if guilty else f"every value is finite, the gradient is not; images: {', '.join(batch.names)}"
    )
    text = f"stage {phase.name!r}, step {step}: the gradient is not finite, no parameter was changed"
    return Problem(text, hints=(cause,))


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value))
