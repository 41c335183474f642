"""The part of an objective that depends on an image alone, whatever is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from zerokd.objective.cached_tensors import NOTHING_CACHED, CachedTensors, PreparedTensors
from zerokd.objective.objective import Objective


class CachePlan:
    """What can be cached for some terms of a stage.

    ``inputs`` are the signals of an image that all is computed from, ``tensor_names`` the fixed tensors that terms,
    and calls that depend on what is trained, read. ``prepared_labels`` are the terms whose loss prepares its fixed
    ports. If images do not repeat, a loss that reads only the inputs prepares nothing: no frozen model would run image
    by image for it.
    """

    def __init__(self, objective: Objective, labels: Iterable[str], images_repeat: bool = True):
        self.objective, graph, labels = objective, objective.graph, list(labels)
        self.inputs = graph.fixed_tensors.intersection(graph.input_names)
        self.fixed_bindings = {
            label: {port: graph.bindings[label][port] for port in graph.fixed_ports[label]}
            for label in labels
            if objective.loss(label).prepare is not None
            and not any(parameter.requires_grad for parameter in objective.loss(label).parameters())
        }
        self.prepared_labels = [
            label
            for label, bindings in self.fixed_bindings.items()
            if graph.fixed_tensors.issuperset(bindings.values())
            and (images_repeat or not self.inputs.issuperset(bindings.values()))
        ]
        read_by_terms = graph.tensors_read_by(labels, self.prepared_labels)
        read_by_calls = {name for call in graph.live_calls(read_by_terms) if not call.is_fixed for name in call.reads}
        self.tensor_names = sorted((read_by_terms | read_by_calls) & graph.fixed_tensors - self.inputs)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be cached."""
        return not self.tensor_names and not self.prepared_labels

    def is_complete(self, cached: CachedTensors) -> bool:
        """Whether ``cached`` has everything of the plan."""
        return (len(cached.tensors), len(cached.prepared_ports)) == (len(self.tensor_names), len(self.prepared_labels))

    @torch.no_grad()
    def compute(self, inputs: Mapping[str, Tensor], cached: CachedTensors = NOTHING_CACHED) -> CachedTensors:
        """Everything of the plan for images (N, C, H, W) by signal, already augmented; what ``cached`` has is not
        computed."""
        names = [name for name in self.tensor_names if name not in cached.tensors]
        labels = [label for label in self.prepared_labels if label not in cached.prepared_ports]
        outputs = frozenset((*names, *(name for label in labels for name in self.fixed_bindings[label].values())))
        tensors = self.objective.graph.compute({**inputs, **cached.tensors}, outputs)
        return CachedTensors(
            {**cached.tensors, **{name: tensors[name].contiguous() for name in names}},
            {**cached.prepared_ports, **{label: (self._prepare(label, tensors),) for label in labels}},
        )

    def _prepare(self, label: str, tensors: Mapping[str, Tensor]) -> PreparedTensors:
        prepare = self.objective.loss(label).prepare
        assert prepare is not None
        return prepare(**{port: tensors[name] for port, name in self.fixed_bindings[label].items()})
