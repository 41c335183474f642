"""What an adapter promises: what it says it will return is what it returns, for all that it does not refuse."""

from __future__ import annotations

import torch

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.losses_and_metrics import format_tensor, require_close
from zerokd.testing.torch_modules import RULES as ALIKE
from zerokd.testing.torch_modules import accepted_pairs, tensors_from_signals


@rule()
def describes(subject: Subject) -> None:
    """describe() says the names, shapes and ranges of what forward returns, and refuses the rest with ValueError"""
    for pair, (adapter, given, promised) in accepted_pairs(subject).items():
        found = adapter(tensors_from_signals(given))
        require(set(found) == set(given) == set(promised), f"of {pair} it returns {sorted(found)}, not {sorted(given)}")
        for port, tensor in found.items():
            shape, told = tuple(tensor.shape[1:]), promised[port].shape
            require(shape == told, f"{port} of {pair} has the shape {shape}, described as {told}")
            low, high = promised[port].range or (-torch.inf, torch.inf)
            inside = (tensor >= low - 1e-5).all() and (tensor <= high + 1e-5).all()
            require(inside, f"{port} of {pair} is {format_tensor(tensor)}, described as in ({low:g}, {high:g})")


@rule()
def comparable(subject: Subject) -> None:
    """what it accepts comes out comparable along what it changes: no difference gets larger"""
    for pair, (_, given, promised) in accepted_pairs(subject).items():
        (first, second), (one, other) = (list(signals.values()) for signals in (given, promised))
        for axis, before, after in zip("CHW", zip(first.shape, second.shape), zip(one.shape, other.shape)):  # noqa: B905
            changed = before != after
            require(not changed or after[0] == after[1], f"{axis} of {pair} becomes {after[0]} and {after[1]}")


@rule()
def image_alone(subject: Subject) -> None:
    """an image's tensors do not depend on the others of its batch"""
    for pair, (adapter, given, _) in accepted_pairs(subject).items():
        adapter.double()
        inputs = tensors_from_signals(given, dtype=torch.float64)
        for port, tensor in adapter(dict(inputs)).items():
            one_by_one = [adapter({name: one[i : i + 1] for name, one in inputs.items()})[port] for i in range(3)]
            require_close(torch.cat(one_by_one), tensor, f"{port} of {pair}, images one by one and together")


@rule()
def gradient_flows(subject: Subject) -> None:
    """gradient goes through it, finite, from every port to the same port's input"""
    for pair, (adapter, given, _) in accepted_pairs(subject).items():
        inputs = {name: one.requires_grad_() for name, one in tensors_from_signals(given).items()}
        for port, tensor in adapter(dict(inputs)).items():
            if not tensor.requires_grad:
                require(False, f"no gradient goes through {port} of {pair}")
            (gradient,) = torch.autograd.grad(tensor.square().sum(), inputs[port], retain_graph=True, allow_unused=True)
            reached = gradient is not None and torch.isfinite(gradient).all() and gradient.any()
            require(reached, f"the gradient at {port} of {pair} is none, 0 or not finite")


@rule(applies=lambda subject: subject.component.is_per_port)
def ports_apart(subject: Subject) -> None:
    """where it says that it adapts its ports apart, each comes out alone as it does among the others"""
    for pair, (adapter, given, _) in accepted_pairs(subject).items():
        inputs = tensors_from_signals(given)
        for port, tensor in adapter(dict(inputs)).items():
            alone = adapter({port: inputs[port]})
            require(set(alone) == {port}, f"given {port} of {pair} alone it returns {sorted(alone)}")
            require_close(alone[port], tensor, f"{port} of {pair}, alone and among the others", 0.0)


RULES = (describes, comparable, image_alone, gradient_flows, ports_apart, *ALIKE)
