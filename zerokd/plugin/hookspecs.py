"""The hooks a plugin may implement: one per kind, each returning frozen records. Calling them imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from zerokd.plugin.specs import AdapterSpec, AugmentationSpec, DataSpec, LossSpec, ModelSpec, ScheduleSpec, StageSpec

PROJECT = "zerokd"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


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
