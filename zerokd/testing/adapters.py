"""Rules for adapters: forward() returns what describe() declares, for every input that it accepts."""

from __future__ import annotations

import torch

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.losses_and_metrics import format_tensor, require_close
from zerokd.testing.torch_modules import RULES as MODULE_RULES
from zerokd.testing.torch_modules import accepted_pairs, tensors_from_signals


@rule()
def describes(subject: Subject) -> None:
    """describe() declares the names, shapes and ranges that forward returns, and refuses the rest with ValueError"""
    for pair, (adapter, signals, described) in accepted_pairs(subject).items():
        outputs = adapter(tensors_from_signals(signals))
        require(
            set(outputs) == set(signals) == set(described),
            f"of {pair} it returns {sorted(outputs)}, not {sorted(signals)}",
        )
        for port, tensor in outputs.items():
            shape, expected = tuple(tensor.shape[1:]), described[port].shape
            require(shape == expected, f"{port} of {pair} has the shape {shape}, described as {expected}")
            low, high = described[port].range or (-torch.inf, torch.inf)
            inside = (tensor >= low - 1e-5).all() and (tensor <= high + 1e-5).all()
            require(inside, f"{port} of {pair} is {format_tensor(tensor)}, described as in ({low:g}, {high:g})")


@rule()
def comparable(subject: Subject) -> None:
    """every axis that it changes has equal sizes afterwards"""
    for pair, (_, signals, described) in accepted_pairs(subject).items():
        before, after = (
            zip(*(signal.shape for signal in group.values()), strict=False) for group in (signals, described)
        )
        for axis, sizes_in, sizes_out in zip("CHW", before, after, strict=False):
            fits = sizes_in == sizes_out or len(set(sizes_out)) == 1
            require(fits, f"{axis} of {pair} becomes {' and '.join(map(str, sizes_out))}")


@rule()
def image_alone(subject: Subject) -> None:
    """an image's tensors do not depend on the rest of its batch"""
    for pair, (adapter, signals, _) in accepted_pairs(subject).items():
        adapter.double()
        inputs = tensors_from_signals(signals, dtype=torch.float64)
        for port, tensor in adapter(dict(inputs)).items():
            one_by_one = [adapter({name: batch[i : i + 1] for name, batch in inputs.items()})[port] for i in range(3)]
            require_close(torch.cat(one_by_one), tensor, f"{port} of {pair}, images one by one and as a batch")


@rule()
def gradient_flows(subject: Subject) -> None:
    """a finite gradient flows from every port to the same port's input"""
    for pair, (adapter, signals, _) in accepted_pairs(subject).items():
        inputs = {name: leaf.requires_grad_() for name, leaf in tensors_from_signals(signals).items()}
        for port, tensor in adapter(dict(inputs)).items():
            if not tensor.requires_grad:
                require(False, f"no gradient goes through {port} of {pair}")
            (gradient,) = torch.autograd.grad(tensor.square().sum(), inputs[port], retain_graph=True, allow_unused=True)
            valid = gradient is not None and torch.isfinite(gradient).all() and gradient.any()
            require(valid, f"the gradient at {port} of {pair} is missing, 0 or not finite")


@rule(applies=lambda subject: subject.component.is_per_port)
def ports_apart(subject: Subject) -> None:
    """with is_per_port, a port alone gives the same tensor as with the others"""
    for pair, (adapter, signals, _) in accepted_pairs(subject).items():
        inputs = tensors_from_signals(signals)
        for port, tensor in adapter(dict(inputs)).items():
            alone = adapter({port: inputs[port]})
            require(set(alone) == {port}, f"given {port} of {pair} alone it returns {sorted(alone)}")
            require_close(alone[port], tensor, f"{port} of {pair}, alone and with the others", 0.0)


RULES = (describes, comparable, image_alone, gradient_flows, ports_apart, *MODULE_RULES)
