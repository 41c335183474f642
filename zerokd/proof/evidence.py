"""What the terms of a stage are worth on its first images: values, gradients, shares and conflicts, in numbers."""

from __future__ import annotations

from typing import Any

import torch
from attrs import asdict, frozen
from torch import Tensor

from zerokd.objective.aggregation import describe_aggregator
from zerokd.objective.gradients import compare_gradients, gradients_through_intermediates
from zerokd.objective.models import STUDENT, ModelSet
from zerokd.objective.objective import Objective
from zerokd.objective.stage_plan import StagePlan
from zerokd.proof.notes import collect_notes
from zerokd.proof.trial import preserve_buffers_and_rng

OPPOSING_COSINE = -0.1  # the cosine of two gradients below which their terms oppose each other


@frozen
class TermEvidence:
    """One weighed term. ``value`` is its mean over the images, ``weight`` the largest effective one of the stage,
    ``contribution`` weight x value; ``at_outputs`` and ``at_parameters`` are the L2 norms of the contribution's
    gradient at the student's tensors that the objective reads, and at its parameters; ``share`` is that of the sum of
    the latter norms."""

    label: str
    value: float
    weight: float
    contribution: float
    at_outputs: float
    at_parameters: float
    share: float


@frozen
class Evidence:
    """A stage's weighed terms, the cosine of every pair of their parameter gradients, and what else was noticed."""

    stage: str
    images: int
    terms: tuple[TermEvidence, ...]
    cosines: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]

    def find_conflicts(self) -> list[tuple[float, str, str]]:
        """The pairs of terms that oppose each other, the worst first."""
        labels = [term.label for term in self.terms]
        pairs = [
            (self.cosines[row][column], labels[row], labels[column])
            for row in range(len(labels))
            for column in range(row + 1, len(labels))
        ]
        return sorted(pair for pair in pairs if pair[0] < OPPOSING_COSINE)

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        terms = [asdict(term) for term in self.terms]
        return {
            "stage": self.stage,
            "images": self.images,
            "terms": terms,
            "cosines": [list(row) for row in self.cosines],
            "notes": list(self.notes),
        }


def measure_evidence(stage: StagePlan, models: ModelSet, objective: Objective, sample: Tensor) -> Evidence:
    """Measure a stage that has passed its probe, on the same images. Nothing is different afterwards."""
    student = models.student
    parameters = [parameter for parameter in student.parameters() if parameter.requires_grad]
    with preserve_buffers_and_rng(student, objective), torch.enable_grad():
        graph, weights = objective.graph, objective.peak_weights()
        tensors = graph.compute(stage.plugin.inputs(sample), graph.tensors_read_by(weights))
        # each tensor of the student stands for itself: what flows from one through another is not counted twice
        middle = {name: (one, one.detach().requires_grad_()) for name, one in tensors.items() if _is_trained(name, one)}
        read = graph.run_adapters(tensors | {name: stand_in for name, (_, stand_in) in middle.items()}, weights)
        means, outputs, gradients = {}, {}, {}
        for label, weight in weights.items():  # one after the other: a term's own graph may be large
            value = objective.value(label, read).mean()
            at_outputs, gradients[label] = gradients_through_intermediates(weight * value, middle, parameters)
            means[label], outputs[label] = value.item(), at_outputs.cpu().double().norm().item()
        shares = compare_gradients(gradients)
        followed = [describe_aggregator(stage.aggregator, stage.aggregator_name, gradients)] if stage.aggregator else []
        terms = tuple(
            TermEvidence(label, means[label], weight, weight * means[label], outputs[label], norm, share)
            for (label, weight), norm, share in zip(weights.items(), shares.norms, shares.shares, strict=True)
        )
        noted = collect_notes(stage, graph, tensors, dict(zip(weights, shares.shares, strict=True)))
    return Evidence(stage.name, len(sample), terms, shares.cosines, (*followed, *noted))


def _is_trained(name: str, tensor: Tensor) -> bool:
    return name.startswith(f"{STUDENT}.") and tensor.requires_grad
