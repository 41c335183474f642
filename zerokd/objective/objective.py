"""The objective of a stage: the only reduction over the batch, and the only sum."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from attrs import frozen
from torch import Tensor, nn

from zerokd.equation.equation import value_at_step
from zerokd.equation.expression import Series
from zerokd.objective.graph import Adaptation, Graph
from zerokd.objective.stage_plan import StagePlan
from zerokd.plugin.contracts import Loss

StepNumbers = tuple[float, float, dict[str, float]]  # total, norm of its gradient, mean value of each term


@frozen(eq=False)
class ObjectiveResult:
    """One step's objective: ``total`` to descend on, and every computed term's value per image, shape (N,), by label.

    ``weights`` are the effective ones of that step, for the same labels.
    """

    total: Tensor
    values: dict[str, Tensor]
    weights: dict[str, float]

    def detach(self) -> ObjectiveResult:
        """The same without its graph."""
        values = {label: value.detach() for label, value in self.values.items()}
        return ObjectiveResult(self.total.detach(), values, self.weights)

    def to_numbers(self, norm: Tensor) -> StepNumbers:
        """Total, its gradient's ``norm`` and each term's mean over the batch: the device is waited for once."""
        means = torch.stack([*self.values.values()]).mean(dim=1)
        total, size, *values = torch.cat([self.total.view(1), norm.view(1), means]).tolist()
        return total, size, dict(zip(self.values, values, strict=True))


def to_tensor_like(numbers: Iterable[float], like: Tensor) -> Tensor:
    """Numbers as a tensor of the type of another one, where that is."""
    return torch.tensor([*numbers], dtype=like.dtype).to(like.device)


def merge_micro_batches(parts: Sequence[ObjectiveResult]) -> ObjectiveResult:
    """One evaluation of those of the parts of a batch."""
    if len(parts) == 1:
        return parts[0]
    values = {label: torch.cat([part.values[label] for part in parts]) for label in parts[0].values}
    sizes = [len(next(iter(part.values.values()))) for part in parts]
    total = torch.stack([size * one.total for size, one in zip(sizes, parts, strict=True)]).sum() / sum(sizes)
    return ObjectiveResult(total, values, parts[0].weights)


PreparedTensors = tuple[Tensor, ...]


@frozen(eq=False)
class CachedTensors:
    """What an objective computes of its images alone, whatever is trained: fixed tensors of its graph by name, and what
    losses have prepared of their fixed ports by label, for one part of the images after the other."""

    tensors: Mapping[str, Tensor] = MappingProxyType({})
    prepared_ports: Mapping[str, tuple[PreparedTensors, ...]] = MappingProxyType({})


NOTHING_CACHED = CachedTensors()


class Objective(nn.Module):
    """``sum over terms of coefficient(group) * weight * mean over the batch of the term's values``.

    ``weights`` holds coefficient * weight by label, a number or one for every step; a monitored term is computed
    without gradient and weighs nothing.
    """

    def __init__(self, stage: StagePlan, graph: Graph):
        super().__init__()
        self.graph = graph
        self.losses = nn.ModuleDict({term.label.replace(".", "/"): term.loss for term in stage.terms})
        self.adapters = nn.ModuleList([call.adapter for call in graph.calls if isinstance(call, Adaptation)])
        self.monitored_labels = frozenset(term.label for term in stage.terms if term.monitor)
        self._loss_by_label = {term.label: term.loss for term in stage.terms}
        self.weights: dict[str, Series] = {
            term.label: 0.0 if term.monitor else stage.coefficients[term.group] * stage.weights[term.label]
            for term in stage.terms
        }
        self.active = stage.step_masks

    def forward(
        self, inputs: Mapping[str, Tensor], step: int = 0, cached: CachedTensors = NOTHING_CACHED
    ) -> ObjectiveResult:
        """``step`` counts from 0 at the stage's start; ``kept`` is what is known of these images already."""
        weights = self.weights_at(step)
        values = self.values(inputs, weights, cached)
        one = next(iter(values.values()))
        return ObjectiveResult(self.total(values, to_tensor_like(weights.values(), one)), values, weights)

    def values(
        self, inputs: Mapping[str, Tensor], labels: Collection[str], cached: CachedTensors = NOTHING_CACHED
    ) -> dict[str, Tensor]:
        """The terms' values per image, shape (N,)."""
        tensors = self.graph.compute(
            {**inputs, **cached.tensors}, self.graph.tensors_read_by(labels, cached.prepared_ports)
        )
        return {label: self.value(label, tensors, cached.prepared_ports.get(label)) for label in labels}

    def total(self, values: Mapping[str, Tensor], weights: Tensor) -> Tensor:
        """The objective of terms' values and their weights in the same order; a monitored term is no part of it."""
        counted = [place for place, label in enumerate(values) if label not in self.monitored_labels]
        means = torch.stack([one for label, one in values.items() if label not in self.monitored_labels]).mean(dim=1)
        return means @ (weights if len(counted) == len(values) else weights[counted]).to(means.dtype)

    def weights_at(self, step: int) -> dict[str, float]:
        """The effective weight of every term that is computed at a step: one that weighs nothing is not."""
        found = {}
        for label, series in self.weights.items():
            mask = self.active[label]
            if mask is None or mask[step]:
                weight = value_at_step(series, step)
                if weight > 0 or label in self.monitored_labels:
                    found[label] = weight
        return found

    def computed_mask(self, label: str, step_count: int) -> np.ndarray:
        """At which of a stage's steps a term is computed, as :meth:`weights_at` has it."""
        weighs = np.asarray(self.weights[label]) > 0 if label not in self.monitored_labels else np.True_
        mask = self.active[label]
        return np.broadcast_to(weighs & (np.True_ if mask is None else mask), step_count)

    def peak_weights(self) -> dict[str, float]:
        """The largest effective weight of every term that trains."""
        return {label: float(np.max(one)) for label, one in self.weights.items() if label not in self.monitored_labels}

    def value(
        self, label: str, tensors: Mapping[str, Tensor], prepared: Sequence[PreparedTensors] | None = None
    ) -> Tensor:
        """One term's value per image, from what was prepared of its fixed ports where that is given."""
        if label in self.monitored_labels and torch.is_grad_enabled():
            with torch.no_grad():
                return self.value(label, tensors, prepared)
        loss, bound = self.loss(label), self.graph.bindings[label]
        if prepared is None:
            return loss(**{port: tensors[name] for port, name in bound.items()})
        moving = {port: tensors[name] for port, name in bound.items() if port not in self.graph.fixed_ports[label]}
        if len(prepared) == 1:
            return loss.compare(*prepared[0], **moving)
        sizes = [len(part[0]) for part in prepared]
        parts = {port: tensor.split(sizes) for port, tensor in moving.items()}
        rows = ({port: each[place] for port, each in parts.items()} for place in range(len(sizes)))
        return torch.cat([loss.compare(*part, **row) for part, row in zip(prepared, rows, strict=True)])

    def loss(self, label: str) -> Loss:
        """The loss of a term."""
        return self._loss_by_label[label]
