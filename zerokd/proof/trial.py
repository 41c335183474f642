"""A probe batch: what the terms of an objective read of a few images, and what they compute from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeVar

import torch
from attrs import field, frozen
from torch import Tensor, nn

from zerokd.errors import PluginError
from zerokd.objective.calls import Tensors
from zerokd.objective.graph import Graph
from zerokd.objective.objective import Objective
from zerokd.objective.term import BoundTerm
from zerokd.plugin.contracts import Loss
from zerokd.plugin.error_attribution import attribute_errors

Result = TypeVar("Result")
PERTURBATION_SIZE = 0.05  # by which the perturbed parameters differ, relative to 1 + their size


@contextmanager
def preserve_buffers_and_rng(*modules: nn.Module) -> Iterator[None]:
    """Restore the buffers of these modules and the global random generator afterwards."""
    buffers = [buffer for module in modules for buffer in module.buffers()]
    copies = [buffer.clone() for buffer in buffers]
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        with torch.no_grad():
            for buffer, copy in zip(buffers, copies, strict=True):
                buffer.copy_(copy)


@frozen(eq=False)
class ProbeBatch:
    """Every tensor that the terms read of some images, the same tensors of a student with perturbed parameters, and the
    ``leaves`` that gradient must reach: the student's parameters, or given tensors where no student runs."""

    graph: Graph
    tensors: Tensors
    perturbed: Tensors
    leaves: tuple[Tensor, ...]
    _values: dict[str, Tensor] = field(factory=dict)

    def keep_value(self, term: BoundTerm, value: Tensor) -> None:
        """Have :meth:`value` return this value per image."""
        self._values[term.label] = value.detach()

    @torch.no_grad()
    def value(self, term: BoundTerm) -> Tensor:
        """A term's value per image, computed once."""
        if term.label not in self._values:
            self.keep_value(term, loss_values(term, self.port_tensors(term)))
        return self._values[term.label]

    def port_tensors(self, term: BoundTerm, tensors: Tensors | None = None) -> dict[str, Tensor]:
        """The tensors of a term's ports, after its adapters."""
        source = self.tensors if tensors is None else tensors
        return {port: source[name] for port, name in self.graph.bindings[term.label].items()}


def gradient_leaves(objective: Objective, inputs: Tensors) -> tuple[Tensor, ...]:
    """What gradient must reach: the parameters of the trained model, else given tensors that ask for gradient."""
    trained = objective.models.models.get(objective.models.trained)
    parameters = () if trained is None else tuple(trained.parameters())
    trainable = tuple(parameter for parameter in parameters if parameter.requires_grad)
    return trainable or tuple(tensor for tensor in inputs.values() if tensor.requires_grad)


@torch.no_grad()
def with_perturbed_leaves(
    graph: Graph, inputs: Tensors, labels: Iterable[str], leaves: Iterable[Tensor]
) -> dict[str, Tensor]:
    """What the terms read once every leaf is a little different; the leaves get their values back."""
    generator = torch.Generator().manual_seed(0)
    data = [leaf.data for leaf in leaves]  # an earlier autograd graph may still run backward
    copies = [values.clone() for values in data]
    try:
        for values in data:
            noise = torch.rand(values.shape, generator=generator).to(values) * 2 - 1
            values.add_(PERTURBATION_SIZE * noise * (1 + values.abs()))
        tensors = graph.compute(inputs, graph.tensors_read_by(labels))
        addresses = {values.data_ptr() for values in data}  # a given tensor that is a leaf gets its old values back
        return {name: value.clone() if value.data_ptr() in addresses else value for name, value in tensors.items()}
    finally:
        for values, copy in zip(data, copies, strict=True):
            values.copy_(copy)


def equal_with_nan(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors hold the same numbers; NaN equals NaN, which takes eight times as long to find out."""
    return torch.equal(first, second) or torch.allclose(first, second, 0.0, 0.0, equal_nan=True)


def takes_gradients(loss: Loss) -> bool:
    """Whether the value of a loss consists of gradients of one port at another."""
    return any(port.differentiable for port in loss.ports.values())


def loss_values(term: BoundTerm, ports: Mapping[str, Tensor]) -> Tensor:
    """A term's value per image on any tensors.

    Raises:
        PluginError: the loss failed.
    """
    with attribute_errors(f"loss {term.use!r}"):
        return term.loss(**ports)


def evaluate_on_crop(
    evaluate: Callable[[BoundTerm, Tensors], Result], term: BoundTerm, ports: Tensors, side: int
) -> Result:
    """What ``evaluate`` returns for a corner of the images, or for all of them where the loss takes no smaller ones."""
    side = max(side, term.loss.min_size())
    shapes = {tensor.shape[2:] for tensor in ports.values()}
    if len(shapes) == 1 and max(shapes.pop(), default=0) > side:
        with suppress(PluginError):
            return evaluate(term, {port: tensor[:, :, :side, :side] for port, tensor in ports.items()})
    return evaluate(term, ports)


def value_and_gradient(term: BoundTerm, ports: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """A term's value per image, and its gradient at the ports that carry gradient, flat."""
    copies = {port: tensor.detach().clone() for port, tensor in ports.items()}
    leaves = [copies[port].requires_grad_() for port, declared in term.loss.ports.items() if declared.grad]
    with torch.enable_grad():
        value = loss_values(term, copies)
        if not value.requires_grad or not leaves:
            return value.detach(), value.new_zeros(1)
        gradients = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
    received = [gradient.reshape(-1) for gradient in gradients if gradient is not None]
    return value.detach(), torch.cat(received) if received else value.new_zeros(1)
