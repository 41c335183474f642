"""A stage's terms on a few images: what they read, and what they make of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from attrs import field, frozen
from torch import Tensor, nn

from zerokd.objective.graph import Graph, Tensors
from zerokd.objective.term import BoundTerm
from zerokd.plugin.blame import attribute_errors

PERTURBATION_SIZE = 0.05  # by which each parameter of the other student differs, relative to 1 + its size


@contextmanager
def preserve_buffers_and_rng(*modules: nn.Module) -> Iterator[None]:
    """Buffers and the global random generator are afterwards as they were."""
    buffers = [buffer for module in modules for buffer in module.buffers()]
    kept = [buffer.clone() for buffer in buffers]
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        with torch.no_grad():
            for buffer, before in zip(buffers, kept, strict=True):
                buffer.copy_(before)


@frozen(eq=False)
class ProbeBatch:
    """Every tensor that the terms of a stage read on some images, and the same of a student with other parameters."""

    graph: Graph
    tensors: Tensors
    perturbed: Tensors
    _value_cache: dict[str, Tensor] = field(factory=dict)

    @torch.no_grad()
    def value(self, term: BoundTerm) -> Tensor:
        """A term's value per image, computed once."""
        if term.label not in self._value_cache:
            self._value_cache[term.label] = loss_values(term, self.port_tensors(term))
        return self._value_cache[term.label]

    def port_tensors(self, term: BoundTerm, tensors: Tensors | None = None) -> dict[str, Tensor]:
        """What a term's ports hold, after its adapters."""
        held = self.tensors if tensors is None else tensors
        return {port: held[name] for port, name in self.graph.bindings[term.label].items()}


@torch.no_grad()
def with_perturbed_parameters(graph: Graph, inputs: Tensors, labels: Iterable[str], student: nn.Module) -> Tensors:
    """What the terms read of a student whose every parameter is a little different; it has its own back afterwards."""
    generator = torch.Generator().manual_seed(0)
    parameters = [parameter.data for parameter in student.parameters()]  # a graph made before may still be walked back
    kept = [parameter.clone() for parameter in parameters]
    try:
        for one in parameters:
            noise = torch.rand(one.shape, generator=generator).to(one) * 2 - 1
            one.add_(PERTURBATION_SIZE * noise * (1 + one.abs()))
        return graph.compute(inputs, graph.tensors_read_by(labels))
    finally:
        for one, before in zip(parameters, kept, strict=True):
            one.copy_(before)


def equal_with_nan(first: Tensor, second: Tensor) -> bool:
    """Whether both hold the same numbers; NaN equals NaN, which takes eight times as long to find out."""
    return torch.equal(first, second) or torch.allclose(first, second, 0.0, 0.0, equal_nan=True)


def loss_values(term: BoundTerm, ports: Mapping[str, Tensor]) -> Tensor:
    """A term's value per image on any tensors.

    Raises:
        PluginError: the loss failed.
    """
    with attribute_errors(f"loss {term.use!r}"):
        return term.loss(**ports)


def value_and_gradient(term: BoundTerm, ports: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """A term's value per image, and its gradient at the ports that carry one, flat."""
    held = {port: tensor.detach().clone() for port, tensor in ports.items()}
    leaves = [held[port].requires_grad_() for port, declared in term.loss.ports.items() if declared.grad]
    with torch.enable_grad():
        value = loss_values(term, held)
        if not value.requires_grad or not leaves:
            return value.detach(), value.new_zeros(1)
        gradients = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
    found = [gradient.reshape(-1) for gradient in gradients if gradient is not None]
    return value.detach(), torch.cat(found) if found else value.new_zeros(1)
