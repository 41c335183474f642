"""The objective: the only reduction over the batch, and the only sum."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from attrs import frozen
from torch import Tensor, nn

from zerokd.equation.expression import Series, value_at_step
from zerokd.objective.graph import Adaptation, Graph
from zerokd.objective.models import ModelSet
from zerokd.objective.stage_plan import ObjectivePlan
from zerokd.objective.weights import effective_weight
from zerokd.plugin.contracts import Loss

StepNumbers = tuple[float, float, dict[str, float]]  # total, norm of its gradient, mean value of each term


@frozen(eq=False)
class ObjectiveResult:
    """The objective at one step: ``total`` is a scalar to call ``backward()`` on; ``values`` has one value per image,
    shape (N,), of every computed term by label; ``weights`` has the effective weights of that step."""

    total: Tensor
    values: dict[str, Tensor]
    weights: dict[str, float]

    def detach(self) -> ObjectiveResult:
        """This result without its autograd graph."""
        values = {label: value.detach() for label, value in self.values.items()}
        return ObjectiveResult(self.total.detach(), values, self.weights)

    def to_numbers(self, norm: Tensor) -> StepNumbers:
        """Total, the gradient's ``norm`` and each term's mean over the batch, with one host synchronisation."""
        means = torch.stack([*self.values.values()]).mean(dim=1)
        total, size, *values = torch.cat([self.total.view(1), norm.view(1), means]).tolist()
        return total, size, dict(zip(self.values, values, strict=True))


def to_tensor_like(numbers: Iterable[float], like: Tensor) -> Tensor:
    """Numbers as a tensor of the type and on the device of ``like``."""
    return torch.tensor([*numbers], dtype=like.dtype).to(like.device)


def merge_micro_batches(parts: Sequence[ObjectiveResult]) -> ObjectiveResult:
    """The result of a batch from those of its micro batches."""
    if len(parts) == 1:
        return parts[0]
    values = {label: torch.cat([part.values[label] for part in parts]) for label in parts[0].values}
    sizes = [len(next(iter(part.values.values()))) for part in parts]
    total = torch.stack([size * part.total for size, part in zip(sizes, parts, strict=True)]).sum() / sum(sizes)
    return ObjectiveResult(total, values, parts[0].weights)


PreparedTensors = tuple[Tensor, ...]


@frozen(eq=False)
class CachedTensors:
    """What an objective computes from its images alone, whatever is trained: fixed tensors of its graph by name, and
    what losses prepared from their fixed ports by label, a tuple for each part of the batch."""

    tensors: Mapping[str, Tensor] = MappingProxyType({})
    prepared_ports: Mapping[str, tuple[PreparedTensors, ...]] = MappingProxyType({})


NOTHING_CACHED = CachedTensors()


class Objective(nn.Module):
    """``sum over terms of coefficient(group) * weight * mean over the batch of the term's values``.

    ``weights`` holds coefficient * weight by label, one number or one for every step. A monitored term is computed
    without gradient and weighs nothing.
    """

    def __init__(self, plan: ObjectivePlan, models: ModelSet):
        super().__init__()
        self.plan, self.models = plan, models
        self.graph = graph = Graph(plan, models)
        self.losses = nn.ModuleDict({term.label.replace(".", "/"): term.loss for term in plan.terms})
        self.adapters = nn.ModuleList([call.adapter for call in graph.calls if isinstance(call, Adaptation)])
        self.monitored_labels = frozenset(term.label for term in plan.terms if term.monitor)
        self._loss_by_label = {term.label: term.loss for term in plan.terms}
        self.weights: dict[str, Series] = {
            term.label: 0.0
            if term.monitor
            else effective_weight(plan.coefficients[term.group], plan.weights[term.label])
            for term in plan.terms
        }
        self.step_masks = plan.step_masks

    def forward(
        self, inputs: Mapping[str, Tensor], step: int = 0, cached: CachedTensors = NOTHING_CACHED
    ) -> ObjectiveResult:
        """The objective of a batch. ``step`` counts from 0 at the stage's start; ``cached`` holds what needs no
        computation."""
        weights = self.weights_at(step)
        values = self.values(inputs, weights, cached)
        like = next(iter(values.values()))
        return ObjectiveResult(self.total(values, to_tensor_like(weights.values(), like)), values, weights)

    def values(
        self, inputs: Mapping[str, Tensor], labels: Collection[str], cached: CachedTensors = NOTHING_CACHED
    ) -> dict[str, Tensor]:
        """The values of these terms per image, shape (N,), by label."""
        tensors = self.graph.compute(
            {**inputs, **cached.tensors}, self.graph.tensors_read_by(labels, cached.prepared_ports)
        )
        return {label: self.value(label, tensors, cached.prepared_ports.get(label)) for label in labels}

    def total(self, values: Mapping[str, Tensor], weights: Tensor) -> Tensor:
        """The weighted sum of the terms' means, without monitored terms; ``weights`` has the order of ``values``."""
        counted = [index for index, label in enumerate(values) if label not in self.monitored_labels]
        weighted = [value for label, value in values.items() if label not in self.monitored_labels]
        means = torch.stack(weighted).mean(dim=1)
        return means @ (weights if len(counted) == len(values) else weights[counted]).to(means.dtype)

    def weights_at(self, step: int) -> dict[str, float]:
        """The effective weight of every term that a step computes, by label; a term of weight 0 is not computed."""
        weights = {}
        for label, series in self.weights.items():
            mask = self.step_masks[label]
            if mask is None or mask[step]:
                weight = value_at_step(series, step)
                if weight > 0 or label in self.monitored_labels:
                    weights[label] = weight
        return weights

    def computed_mask(self, label: str, step_count: int) -> np.ndarray:
        """The steps that compute a term, as a boolean array of ``step_count`` elements; see :meth:`weights_at`."""
        is_weighted = np.asarray(self.weights[label]) > 0 if label not in self.monitored_labels else np.True_
        mask = self.step_masks[label]
        return np.broadcast_to(is_weighted & (np.True_ if mask is None else mask), step_count)

    def peak_weights(self) -> dict[str, float]:
        """The largest effective weight of every term that trains."""
        weighted = self.weights.keys() - self.monitored_labels
        return {label: float(np.max(series)) for label, series in self.weights.items() if label in weighted}

    def value(
        self, label: str, tensors: Mapping[str, Tensor], prepared: Sequence[PreparedTensors] | None = None
    ) -> Tensor:
        """A term's value per image; ``prepared`` replaces its fixed ports, a tuple for each part of the batch."""
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
        rows = ({port: tensors[index] for port, tensors in parts.items()} for index in range(len(sizes)))
        return torch.cat([loss.compare(*part, **row) for part, row in zip(prepared, rows, strict=True)])

    def loss(self, label: str) -> Loss:
        """The loss of the term with this label."""
        return self._loss_by_label[label]
