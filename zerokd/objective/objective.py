"""The objective of a stage: the only reduction over the batch, and the only sum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from attrs import frozen
from torch import Tensor, nn

from zerokd.equation.equation import at
from zerokd.equation.expression import Series
from zerokd.objective.graph import Adaptation, Graph
from zerokd.recipe.components import Phase


@frozen(eq=False)
class Evaluation:
    """One step's objective: ``total`` to descend on, and every computed term's value per image, shape (N,), by label.

    ``weights`` are the effective ones of that step, for the same labels.
    """

    total: Tensor
    values: dict[str, Tensor]
    weights: dict[str, float]


class Objective(nn.Module):
    """``sum over terms of coefficient(group) * weight * mean over the batch of the term's values``.

    ``weights`` holds coefficient * weight by label, a number or one for every step; a monitored term is computed
    without gradient and weighs nothing.
    """

    def __init__(self, phase: Phase, graph: Graph):
        super().__init__()
        self.graph = graph
        self.losses = nn.ModuleDict({term.label.replace(".", "/"): term.loss for term in phase.terms})
        self.adapters = nn.ModuleList([call.adapter for call in graph.calls if isinstance(call, Adaptation)])
        self.monitored = [term.label for term in phase.terms if term.monitor]
        self.weights: dict[str, Series] = {
            term.label: 0.0 if term.monitor else phase.coefficients[term.group] * phase.weights[term.label]
            for term in phase.terms
        }
        self.active = phase.active

    def forward(self, inputs: Mapping[str, Tensor], step: int = 0) -> Evaluation:
        """``step`` counts from 0 at the stage's start."""
        weights = self.weights_at(step)
        tensors = self.graph.compute(inputs, weights)
        values = {label: self.value(label, tensors) for label in weights}
        trained = [label for label in weights if label not in self.monitored]
        total = torch.stack([weights[label] * values[label].mean() for label in trained]).sum()
        return Evaluation(total, values, weights)

    def weights_at(self, step: int) -> dict[str, float]:
        """The effective weight of every term that is computed at a step: one that weighs nothing is not."""
        found = {}
        for label, series in self.weights.items():
            mask = self.active[label]
            if mask is None or mask[step]:
                weight = at(series, step)
                if weight > 0 or label in self.monitored:
                    found[label] = weight
        return found

    def computed(self, label: str, steps: int) -> np.ndarray:
        """At which of a stage's steps a term is computed, as :meth:`weights_at` has it."""
        weighs = np.asarray(self.weights[label]) > 0 if label not in self.monitored else np.True_
        mask = self.active[label]
        return np.broadcast_to(weighs & (np.True_ if mask is None else mask), steps)

    def peaks(self) -> dict[str, float]:
        """The largest effective weight of every term that trains."""
        return {label: float(np.max(one)) for label, one in self.weights.items() if label not in self.monitored}

    def value(self, label: str, tensors: Mapping[str, Tensor]) -> Tensor:
        """One term's value per image."""
        ports = {port: tensors[name] for port, name in self.graph.bindings[label].items()}
        with torch.set_grad_enabled(label not in self.monitored and torch.is_grad_enabled()):
            return self.losses[label.replace(".", "/")](**ports)
