"""What the metrics of a recipe say of its student, on a few images at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import PluginError, Problem, ZerokdError
from zerokd.objective.graph import Forward, trace
from zerokd.objective.signals import features_of, owners_of
from zerokd.objective.term import Measure
from zerokd.plugin.aside import aside
from zerokd.plugin.blame import blame
from zerokd.plugin.specs import Signal
from zerokd.proof.probe import mismatched
from zerokd.recipe.build.components import Components

Inputs = Mapping[str, Tensor]


@frozen
class Reading:
    """A metric's ``value``, its mean over ``images`` images; or why there is none (``fault``)."""

    images: int
    value: float | None
    fault: str = ""


class Gauge:
    """The metrics of a recipe and the models that they read, all of them in eval mode."""

    def __init__(self, components: Components, device: torch.device):
        measures = self.measures = components.measures
        self.forwards = [
            Forward(owner, components.network(owner), features_of(owner, measures), at_rest=True)
            for owner in owners_of(measures)
        ]
        for measure in measures:
            measure.metric.to(device).eval()

    @torch.no_grad()
    def misfits(self, inputs: Inputs) -> list[Problem]:
        """Every port whose tensors are not what its metric takes."""
        tensors = dict(inputs)
        signals = {name: Signal(tuple(value.shape[1:]), (0.0, 1.0)) for name, value in inputs.items()}
        with aside():
            for forward in self.forwards:
                with blame(forward.name):
                    trace(forward, tensors, signals)
        return [
            problem
            for one in self.measures
            for problem in mismatched(one, one.metric, {port: signals[name] for port, name in one.on.items()})
        ]

    @torch.no_grad()
    def read(self, parts: list[dict[str, Tensor]]) -> dict[str, Reading]:
        """Every metric on images (N, 3, H, W) in [0, 1], part by part. One that fails does not stop the others."""
        found: dict[str, list[Tensor]] = {measure.name: [] for measure in self.measures}
        faults: dict[str, str] = {}
        with aside():
            for inputs in parts:
                tensors = dict(inputs)
                for forward in self.forwards:
                    tensors |= forward.compute(tensors)
                for measure in self.measures:
                    try:
                        found[measure.name].append(_values(measure, tensors))
                    except ZerokdError as fault:
                        faults.setdefault(measure.name, fault.problems[0].message)
        return {name: _reading(values, faults.get(name, "")) for name, values in found.items()}

    def faults(self, readings: Mapping[str, Reading]) -> Iterator[Problem]:
        """The metrics that cannot be used, each at its place."""
        for measure in self.measures:
            fault = readings[measure.name].fault
            if fault:
                yield Problem(f"{measure.label}: {fault}", measure.place, code="shapes-differ")


def _reading(values: list[Tensor], fault: str) -> Reading:
    if fault:
        return Reading(0, None, fault)
    whole = torch.cat(values).cpu().double()
    return Reading(len(whole), whole.mean().item())


def _values(measure: Measure, tensors: Mapping[str, Tensor]) -> Tensor:
    """A metric's value per image; it has tensors of its own, so that what it does to them is nobody else's."""
    ports = {port: tensors[name].clone() for port, name in measure.on.items()}
    count = len(tensors["low"])
    with blame(f"metric {measure.use!r}"):
        values = measure.metric(**ports)
    if not isinstance(values, Tensor) or values.shape != (count,):
        got = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
        raise PluginError(f"{measure.use} must return one value per image, shape (N,), got {got}")
    if not values.is_floating_point() or values.element_size() < 4:
        raise PluginError(f"{measure.use} must return float32 or wider, got {values.dtype}")
    if not torch.isfinite(values).all():
        raise PluginError(f"{measure.use} is not finite: {values.tolist()}")
    least, most = measure.metric.bounds
    if not bool(((values >= least - 1e-4) & (values <= most + 1e-4)).all()):
        raise PluginError(f"{measure.use} is declared within [{least:g}, {most:g}] and gives {values.tolist()}")
    return values
