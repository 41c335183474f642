"""Rules for metrics: reproducible values, also in inference mode."""

from __future__ import annotations

import torch

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import make_port_tensors
from zerokd.testing.losses_and_metrics import compute_values, require_close


@rule()
def says_what_is_better(subject: Subject) -> None:
    """`better` declares the good direction"""
    better = getattr(subject.component, "better", None)
    require(better in ("higher", "lower"), f'better is {better!r}, not "higher" or "lower"')


@rule()
def repeats(subject: Subject) -> None:
    """values are reproducible, also in a new instance and in inference mode; it draws no random number"""
    first, second = subject.build(), subject.build()
    ports = make_port_tensors(first)
    before = torch.random.get_rng_state()
    values = compute_values(first, ports)
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    require_close(compute_values(first, ports), values, "another value when repeated", 0.0)
    require_close(compute_values(second, ports), values, "another value in a new instance", 0.0)
    with torch.inference_mode():
        inferred = compute_values(first, {name: tensor.clone() for name, tensor in ports.items()})
        require_close(inferred.clone(), values, "another value in inference mode", 1e-6)


RULES = (says_what_is_better, repeats)
