"""What the metrics of a recipe say of its student, on a few images at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import PluginError, Problem, ZerokdError
from zerokd.objective.graph import ForwardPass, trace_call
from zerokd.objective.signals import signal_owners, tapped_layers
from zerokd.objective.term import BoundMetric
from zerokd.plugin.aside import preserve_global_state
from zerokd.plugin.blame import attribute_errors
from zerokd.plugin.specs import Signal
from zerokd.proof.probe import find_port_mismatches
from zerokd.recipe.build.components import Components

MetricInputs = Mapping[str, Tensor]


@frozen
class MetricResult:
    """A metric's ``value``, its mean over ``images`` images; or why there is none (``fault``)."""

    images: int
    value: float | None
    fault: str = ""


class MetricEvaluator:
    """The metrics of a recipe and the models that they read, all of them in eval mode."""

    def __init__(self, components: Components, device: torch.device):
        measures = self.metrics = components.metrics
        self.forward_passes = [
            ForwardPass(owner, components.get_model(owner), tapped_layers(owner, measures), eval_only=True)
            for owner in signal_owners(measures)
        ]
        for measure in measures:
            measure.metric.to(device).eval()

    @torch.no_grad()
    def find_port_problems(self, inputs: MetricInputs) -> list[Problem]:
        """Every port whose tensors are not what its metric takes."""
        tensors = dict(inputs)
        signals = {name: Signal(tuple(value.shape[1:]), (0.0, 1.0)) for name, value in inputs.items()}
        with preserve_global_state():
            for forward in self.forward_passes:
                with attribute_errors(forward.name):
                    trace_call(forward, tensors, signals)
        return [
            problem
            for metric in self.metrics
            for problem in find_port_mismatches(
                metric, metric.metric, {port: signals[name] for port, name in metric.bindings.items()}
            )
        ]

    @torch.no_grad()
    def evaluate(self, batches: list[dict[str, Tensor]]) -> dict[str, MetricResult]:
        """Every metric on images (N, 3, H, W) in [0, 1], part by part. One that fails does not stop the others."""
        found: dict[str, list[Tensor]] = {measure.name: [] for measure in self.metrics}
        errors: dict[str, str] = {}
        with preserve_global_state():
            for inputs in batches:
                tensors = dict(inputs)
                for forward in self.forward_passes:
                    tensors |= forward.compute(tensors)
                for measure in self.metrics:
                    try:
                        found[measure.name].append(_values_per_image(measure, tensors))
                    except ZerokdError as error:
                        errors.setdefault(measure.name, error.problems[0].message)
        return {name: _mean_result(values, errors.get(name, "")) for name, values in found.items()}

    def find_failures(self, results: Mapping[str, MetricResult]) -> Iterator[Problem]:
        """The metrics that cannot be used, each at its place."""
        for measure in self.metrics:
            error = results[measure.name].fault
            if error:
                yield Problem(f"{measure.label}: {error}", measure.place, code="shapes-differ")


def _mean_result(values: list[Tensor], fault: str) -> MetricResult:
    if fault:
        return MetricResult(0, None, fault)
    whole = torch.cat(values).cpu().double()
    return MetricResult(len(whole), whole.mean().item())


def _values_per_image(bound_metric: BoundMetric, tensors: Mapping[str, Tensor]) -> Tensor:
    """A metric's value per image; it has tensors of its own, so that what it does to them is nobody else's."""
    ports = {port: tensors[name].clone() for port, name in bound_metric.bindings.items()}
    count = len(tensors["low"])
    with attribute_errors(f"metric {bound_metric.use!r}"):
        values = bound_metric.metric(**ports)
    if not isinstance(values, Tensor) or values.shape != (count,):
        got = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
        raise PluginError(f"{bound_metric.use} must return one value per image, shape (N,), got {got}")
    if not values.is_floating_point() or values.element_size() < 4:
        raise PluginError(f"{bound_metric.use} must return float32 or wider, got {values.dtype}")
    if not torch.isfinite(values).all():
        raise PluginError(f"{bound_metric.use} is not finite: {values.tolist()}")
    least, most = bound_metric.metric.bounds
    if not bool(((values >= least - 1e-4) & (values <= most + 1e-4)).all()):
        raise PluginError(f"{bound_metric.use} is declared within [{least:g}, {most:g}] and gives {values.tolist()}")
    return values
