"""One call of a graph on a sample: its outputs, with their shapes as measured."""

from __future__ import annotations

from attrs import evolve
from torch import Tensor

from zerokd.objective.calls import Call, ForwardPass
from zerokd.objective.models import declared_outputs
from zerokd.objective.signals import describe_out_of_range
from zerokd.plugin.ports import Signal


def measure_range(value: Tensor) -> tuple[float, float] | None:
    """The range of a tensor that declares none: [0, 1] where its values lie inside, else from the least to the
    largest."""
    if not value.numel() or not value.is_floating_point():
        return None
    least, largest = (number.item() for number in value.detach().aminmax())
    return (0.0, 1.0) if least >= 0.0 and largest <= 1.0 else (least, largest)


def trace_call(call: Call, tensors: dict[str, Tensor], signals: dict[str, Signal]) -> None:
    """Run one call on a sample; add its outputs to ``tensors`` and their measured shapes to ``signals``.

    A plain module declares nothing: the range of its outputs is measured.

    Raises:
        ValueError: an adapter cannot align its inputs, or a call computes something else than it declares.
    """
    described = call.describe(signals)
    is_plain = isinstance(call, ForwardPass) and declared_outputs(call.network) is None
    computed = call.compute(tensors)
    missing = [name for name in call.writes if not isinstance(computed.get(name), Tensor)]
    if missing:
        raise ValueError(f"it does not compute the tensors that it declares: {', '.join(missing)}")
    for name, value in computed.items():
        signal = described.get(name, Signal(range=measure_range(value) if is_plain else None))
        signals[name] = evolve(signal, shape=tuple(value.shape[1:]))
        problem = describe_out_of_range(value, signals[name].range)
        if problem:
            raise ValueError(f"{name} {problem}")
    tensors.update(computed)
