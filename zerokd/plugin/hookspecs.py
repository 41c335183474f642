"""The hooks a plugin may implement: one per kind, each returning frozen records. Calling them imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from zerokd.plugin.specs import (
    AdapterSpec,
    AggregatorSpec,
    AugmentationSpec,
    DataSpec,
    ExporterSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    ObserverSpec,
    ScheduleSpec,
    StageSpec,
)

HOOK_PROJECT_NAME = "zerokd"
hookspec = pluggy.HookspecMarker(HOOK_PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(HOOK_PROJECT_NAME)


@hookspec
def zerokd_losses() -> Iterable[LossSpec]:
    """Losses: terms of an objective."""
    return ()


@hookspec
def zerokd_adapters() -> Iterable[AdapterSpec]:
    """Adapters: what makes the tensors of a term comparable."""
    return ()


@hookspec
def zerokd_stages() -> Iterable[StageSpec]:
    """Stages: training phases."""
    return ()


@hookspec
def zerokd_models() -> Iterable[ModelSpec]:
    """Models: enhancers, as student or teacher."""
    return ()


@hookspec
def zerokd_data() -> Iterable[DataSpec]:
    """Data sources."""
    return ()


@hookspec
def zerokd_augmentations() -> Iterable[AugmentationSpec]:
    """Augmentations of the low-light input."""
    return ()


@hookspec
def zerokd_schedules() -> Iterable[ScheduleSpec]:
    """Schedules: numbers that change while a stage runs."""
    return ()


@hookspec
def zerokd_metrics() -> Iterable[MetricSpec]:
    """Metrics: what a trained student is measured by."""
    return ()


@hookspec
def zerokd_aggregators() -> Iterable[AggregatorSpec]:
    """Aggregators: how the gradients of a stage's terms become the one that the student follows."""
    return ()


@hookspec
def zerokd_observers() -> Iterable[ObserverSpec]:
    """Observers: what is told of a run while it runs, such as a tracker."""
    return ()


@hookspec
def zerokd_exporters() -> Iterable[ExporterSpec]:
    """Exporters: file formats in which a trained student leaves, such as C or ONNX."""
    return ()
