"""One call of a graph on a sample: its outputs, with their shapes as measured."""

from __future__ import annotations

from attrs import evolve
from torch import Tensor

from zerokd.objective.graph import Call
from zerokd.objective.signals import describe_out_of_range
from zerokd.plugin.ports import Signal


def trace_call(call: Call, tensors: dict[str, Tensor], signals: dict[str, Signal]) -> None:
    """Run one call on a sample; add its outputs to ``tensors`` and their measured shapes to ``signals``.

    A plain module declares nothing: the range of its outputs is unknown.

    Raises:
        ValueError: an adapter cannot align its inputs, or a call computes something else than it declares.
    """
    described = call.describe(signals)
    computed = call.compute(tensors)
    missing = [name for name in call.writes if not isinstance(computed.get(name), Tensor)]
    if missing:
        raise ValueError(f"it does not compute the tensors that it declares: {', '.join(missing)}")
    for name, value in computed.items():
        signals[name] = evolve(described.get(name, Signal()), shape=tuple(value.shape[1:]))
        problem = describe_out_of_range(value, signals[name].range)
        if problem:
            raise ValueError(f"{name} {problem}")
    tensors.update(computed)
