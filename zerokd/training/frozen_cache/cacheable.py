"""What of an objective depends on an image alone, whatever is trained: it need not be computed again for an image that
comes again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from zerokd.objective.objective import NOTHING, Kept, Objective, Prepared


class Keeping:
    """What can be kept for some terms of a stage.

    ``names`` are the fixed tensors that terms, and calls that depend on what is trained, read; ``prepares`` the terms
    whose loss prepares its fixed ports. Where images do not come ``again``, one that reads the image itself prepares
    nothing: there is no network's work to be done image by image.
    """

    def __init__(self, objective: Objective, labels: Iterable[str], again: bool = True):
        self.objective, graph, labels = objective, objective.graph, list(labels)
        self.ports = {
            label: {port: graph.bindings[label][port] for port in graph.fixed_ports[label]}
            for label in labels
            if objective.loss(label).prepare is not None
            and not any(one.requires_grad for one in objective.loss(label).parameters())
        }
        self.prepares = [
            label
            for label, bound in self.ports.items()
            if graph.fixed.issuperset(bound.values()) and (again or {*bound.values()} != {"low"})
        ]
        direct = graph.read_by(labels, self.prepares)
        between = {name for call in graph.live(direct) if not call.frozen for name in call.reads}
        self.names = sorted((direct | between) & graph.fixed - {"low"})

    @torch.no_grad()
    def compute(self, low: Tensor, held: Kept = NOTHING) -> Kept:
        """All of it for images (N, 3, H, W), already augmented, of which ``held`` is known."""
        names = [name for name in self.names if name not in held.tensors]
        labels = [label for label in self.prepares if label not in held.prepared]
        wanted = frozenset((*names, *(name for label in labels for name in self.ports[label].values())))
        tensors = self.objective.graph.compute({"low": low, **held.tensors}, wanted)
        return Kept(
            {**held.tensors, **{name: tensors[name].contiguous() for name in names}},
            {**held.prepared, **{label: (self._prepared(label, tensors),) for label in labels}},
        )

    def _prepared(self, label: str, tensors: Mapping[str, Tensor]) -> Prepared:
        prepare = self.objective.loss(label).prepare
        assert prepare is not None
        return prepare(**{port: tensors[name] for port, name in self.ports[label].items()})
