"""What a metric promises beyond its values: the same every time, and computed where no gradient is."""

from __future__ import annotations

import torch

from zerokd.testing.check import Subject, require, rule
from zerokd.testing.inputs import make_port_tensors
from zerokd.testing.losses_and_metrics import compute_values, require_close


@rule()
def says_what_is_better(subject: Subject) -> None:
    """`better` says which way is good"""
    better = getattr(subject.component, "better", None)
    require(better in ("higher", "lower"), f'better is {better!r}, not "higher" or "lower"')


@rule()
def repeats(subject: Subject) -> None:
    """the same inputs give the same value: again, of a new instance, in inference mode; no random number is drawn"""
    first, second = subject.build(), subject.build()
    ports = make_port_tensors(first)
    before = torch.random.get_rng_state()
    once = compute_values(first, ports)
    require(torch.equal(before, torch.random.get_rng_state()), "it draws from the global random generator")
    require_close(compute_values(first, ports), once, "another value when asked again", 0.0)
    require_close(compute_values(second, ports), once, "another value of a new instance", 0.0)
    with torch.inference_mode():
        inferred = compute_values(first, {name: one.clone() for name, one in ports.items()})
        require_close(inferred.clone(), once, "another value in inference mode", 1e-6)


RULES = (says_what_is_better, repeats)
