"""The objective of a stage: the only reduction over the batch, and the only sum."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from attrs import frozen
from torch import Tensor, nn

from zerokd.objective.graph import Adaptation, Graph
from zerokd.recipe.components import Phase


@frozen(eq=False)
class Evaluation:
    """One step's objective: ``total`` to descend on, and every term's value per image, shape (N,), by label."""

    total: Tensor
    values: dict[str, Tensor]


class Objective(nn.Module):
    """``sum over terms of coefficient(group) * weight * mean over the batch of the term's values``.

    ``weights`` holds coefficient * weight by label; a monitored term is computed without gradient and weighs nothing.
    """

    def __init__(self, phase: Phase, graph: Graph):
        super().__init__()
        self.graph = graph
        self.losses = nn.ModuleDict({term.label.replace(".", "/"): term.loss for term in phase.terms})
        self.adapters = nn.ModuleList([call.adapter for call in graph.calls if isinstance(call, Adaptation)])
        self.monitored = [term.label for term in phase.terms if term.monitor]
        self.weights = {
            term.label: 0.0 if term.monitor else phase.coefficients[term.group] * term.weight for term in phase.terms
        }

    def forward(self, inputs: Mapping[str, Tensor]) -> Evaluation:
        tensors = self.graph.compute(inputs, self.weights)
        values = {label: self.value(label, tensors) for label in self.weights}
        active = [label for label in self.weights if label not in self.monitored]
        total = torch.stack([self.weights[label] * values[label].mean() for label in active]).sum()
        return Evaluation(total, values)

    def value(self, label: str, tensors: Mapping[str, Tensor]) -> Tensor:
        """One term's value per image."""
        ports = {port: tensors[name] for port, name in self.graph.bindings[label].items()}
        with torch.set_grad_enabled(label not in self.monitored and torch.is_grad_enabled()):
            return self.losses[label.replace(".", "/")](**ports)
