"""The one training loop. A stage says what is trained on what; this file says when."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from zerokd.objective.aggregation import aggregated, follow
from zerokd.objective.gradients import compare, term_gradients
from zerokd.recipe.components import Components
from zerokd.run.batches import batches, seed_of
from zerokd.run.failure import explain, restore
from zerokd.run.guard import Guard
from zerokd.run.metrics import Metrics
from zerokd.run.training import Training


def train(
    training: Training,
    components: Components,
    indices: list[int],
    metrics: Metrics,
    device: torch.device,
    guard: Guard,
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """Train the student through one stage, from the step that the metrics stand at.

    Raises:
        NotFiniteError: the objective or its gradient is not finite; the student is as it was before that step.
        Exception: whatever ``after_step`` raises ends the training after that step.
    """
    phase, objective, student = training.phase, training.objective, training.student
    parameters = [one for one in student.parameters() if one.requires_grad]
    for batch in batches(components.data, indices, phase, components.seed, device, metrics.step):
        torch.manual_seed(seed_of(components.seed, phase.name, metrics.step))  # a term that draws can be repeated
        buffers = [one.clone() for one in student.buffers()]  # a forward may move them
        evaluation = objective(phase.stage.inputs(batch.low), metrics.step)
        diagnosed = (metrics.step + 1) % components.diagnose_every == 0
        apart = diagnosed or phase.aggregator is not None
        gradients = term_gradients(evaluation.weights, evaluation.values, parameters) if apart else {}
        shares = compare(gradients) if diagnosed else None
        training.optimizer.zero_grad()
        evaluation.total.backward()
        if phase.aggregator is not None:
            follow(aggregated(phase.aggregator, phase.aggregate, gradients), parameters)
        norm = nn.utils.clip_grad_norm_(training.trained, phase.optimizer.clip_norm)
        if torch.isfinite(torch.stack([evaluation.total.detach(), norm])).all():
            rate = training.descend(metrics.step)
            metrics.record(batch.epoch, rate, norm, evaluation, shares)
        else:
            restore([*student.buffers()], buffers)
            failure = explain(phase, objective, batch, metrics.step + 1, evaluation, student)
            guard.leave_out(failure)
            metrics.skip(failure)
        after_step()
