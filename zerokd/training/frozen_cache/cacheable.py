"""What of an objective depends on an image alone, whatever is trained: it need not be computed again for an image that
comes again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from zerokd.objective.objective import NOTHING_CACHED, CachedTensors, Objective, PreparedTensors


class CachePlan:
    """What can be kept for some terms of a stage.

    ``names`` are the fixed tensors that terms, and calls that depend on what is trained, read; ``prepares`` the terms
    whose loss prepares its fixed ports. Where images do not come ``again``, one that reads the image itself prepares
    nothing: there is no network's work to be done image by image.
    """

    def __init__(self, objective: Objective, labels: Iterable[str], images_repeat: bool = True):
        self.objective, graph, labels = objective, objective.graph, list(labels)
        self.fixed_bindings = {
            label: {port: graph.bindings[label][port] for port in graph.fixed_ports[label]}
            for label in labels
            if objective.loss(label).prepare is not None
            and not any(parameter.requires_grad for parameter in objective.loss(label).parameters())
        }
        self.prepared_labels = [
            label
            for label, bound in self.fixed_bindings.items()
            if graph.fixed_tensors.issuperset(bound.values()) and (images_repeat or {*bound.values()} != {"low"})
        ]
        direct = graph.tensors_read_by(labels, self.prepared_labels)
        between = {name for call in graph.live_calls(direct) if not call.frozen for name in call.reads}
        self.tensor_names = sorted((direct | between) & graph.fixed_tensors - {"low"})

    @torch.no_grad()
    def compute(self, low: Tensor, cached: CachedTensors = NOTHING_CACHED) -> CachedTensors:
        """All of it for images (N, 3, H, W), already augmented, of which ``held`` is known."""
        names = [name for name in self.tensor_names if name not in cached.tensors]
        labels = [label for label in self.prepared_labels if label not in cached.prepared_ports]
        wanted = frozenset((*names, *(name for label in labels for name in self.fixed_bindings[label].values())))
        tensors = self.objective.graph.compute({"low": low, **cached.tensors}, wanted)
        return CachedTensors(
            {**cached.tensors, **{name: tensors[name].contiguous() for name in names}},
            {**cached.prepared_ports, **{label: (self._prepare(label, tensors),) for label in labels}},
        )

    def _prepare(self, label: str, tensors: Mapping[str, Tensor]) -> PreparedTensors:
        prepare = self.objective.loss(label).prepare
        assert prepare is not None
        return prepare(**{port: tensors[name] for port, name in self.fixed_bindings[label].items()})
