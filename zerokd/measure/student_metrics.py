"""The metrics of a recipe, evaluated for its student on a few images at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import evolve, frozen
from torch import Tensor
from typing_extensions import TypedDict

from zerokd.errors import PluginError, Problem, ZerokdError
from zerokd.objective.calls import build_forward_pass
from zerokd.objective.models import Role
from zerokd.objective.term import BoundMetric, signal_names
from zerokd.objective.tracing import trace_call
from zerokd.plugin.error_attribution import attribute_errors
from zerokd.plugin.global_state import preserve_global_state
from zerokd.plugin.ports import Signal
from zerokd.proof.probe import find_port_mismatches
from zerokd.recipe.build.components import Components

MetricInputs = Mapping[str, Tensor]


class MetricRecord(TypedDict):
    """A metric's result, as it is written to files."""

    images: int
    value: float | None
    fault: str


@frozen
class MetricResult:
    """A metric's ``value``, its mean over ``images`` images; or None and the ``error`` that prevented it."""

    images: int
    value: float | None
    error: str = ""

    def as_json(self) -> MetricRecord:
        """Plain data."""
        return {"images": self.images, "value": self.value, "fault": self.error}


class MetricEvaluator:
    """The metrics of a recipe and the models that they read, all in eval mode."""

    def __init__(self, components: Components, device: torch.device):
        self.metrics = components.metrics
        self.forward_passes = [
            evolve(build_forward_pass(name, self.metrics, components), role=Role.TEACHER, dtype=None)
            for name in {name.call: name for name in signal_names(self.metrics) if name.is_of_model}.values()
        ]
        for bound in self.metrics:
            bound.metric.to(device).eval()

    @torch.no_grad()
    def find_port_problems(self, inputs: MetricInputs) -> list[Problem]:
        """The ports whose tensors do not match what their metric declares."""
        tensors = dict(inputs)
        signals = {name: Signal(tuple(value.shape[1:]), (0.0, 1.0)) for name, value in inputs.items()}
        with preserve_global_state():
            for forward in self.forward_passes:
                with attribute_errors(forward.name):
                    trace_call(forward, tensors, signals)
        return [
            problem
            for bound in self.metrics
            for problem in find_port_mismatches(
                bound, bound.metric, {port: signals[name] for port, name in bound.bindings.items()}
            )
        ]

    @torch.no_grad()
    def evaluate(self, batches: list[dict[str, Tensor]]) -> dict[str, MetricResult]:
        """Every metric over batches of images (N, 3, H, W) in [0, 1]. A metric that fails does not stop the others."""
        values: dict[str, list[Tensor]] = {bound.name: [] for bound in self.metrics}
        errors: dict[str, str] = {}
        with preserve_global_state():
            for inputs in batches:
                tensors = dict(inputs)
                for forward in self.forward_passes:
                    tensors |= forward.compute(tensors)
                for bound in self.metrics:
                    try:
                        values[bound.name].append(_values_per_image(bound, tensors))
                    except ZerokdError as error:
                        errors.setdefault(bound.name, error.problems[0].message)
        return {name: _mean_result(parts, errors.get(name, "")) for name, parts in values.items()}

    def find_failures(self, results: Mapping[str, MetricResult]) -> Iterator[Problem]:
        """A problem for each metric that failed."""
        for bound in self.metrics:
            error = results[bound.name].error
            if error:
                yield Problem(f"{bound.label}: {error}", bound.place, code="shapes-differ")


def _mean_result(parts: list[Tensor], error: str) -> MetricResult:
    if error:
        return MetricResult(0, None, error)
    values = torch.cat(parts).cpu().double()
    return MetricResult(len(values), values.mean().item())


def _values_per_image(bound_metric: BoundMetric, tensors: Mapping[str, Tensor]) -> Tensor:
    """A metric's value per image, shape (N,). It gets copies of the tensors, which it may change."""
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
        raise PluginError(f"{bound_metric.use} is declared within [{least:g}, {most:g}] and returns {values.tolist()}")
    return values
