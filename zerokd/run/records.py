"""The sections of a run's ``manifest.json``, as they are written and read back.

:func:`~zerokd.files.record.parse_record` refuses a file that has other types. Texts with file names are ``Any``: names
that are not valid text have lone surrogates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Required

from pydantic import Field
from typing_extensions import TypedDict

from zerokd.measure.student_metrics import MetricRecord
from zerokd.training.frozen_cache.cache import CacheRecord
from zerokd.training.log_records import Text

Provenance = Mapping[str, Any]  # a component: ``use``, its config, and where weights or photos come from
STAGE_RESULT_KEYS = ("exported", "capacity", "metrics", "kept_on_disk")


class ExportRecord(TypedDict, total=False):
    """What left the run: the best value of its metric and the step of it (from 1), and where the stage ended early."""

    export: str
    metric: str
    value: float
    best_step: int
    ended_at_step: int


class RejectedFile(TypedDict):
    """A file of the data source that cannot be used."""

    name: Any
    reason: Any


class DataRecord(TypedDict, total=False):
    """The training images: counts, names of the held-out ones, SHA-256 over all pixels, and statistics."""

    source: Provenance
    images: int
    training: int
    held_out: list[Any]
    sha256: str
    account: Mapping[str, Any]
    rejected: list[RejectedFile]


class StageResult(CacheRecord, total=False):
    """What is measured at the end of a stage; a checkpoint carries it for finished stages."""

    capacity: Mapping[str, Any]
    exported: ExportRecord
    metrics: dict[str, MetricRecord]


class StageRecord(StageResult, total=False):
    """A stage: its objective, how its steps are computed, and its result once it is finished."""

    name: Required[Text]
    objective: Required[Text]
    coefficients: Mapping[str, Any]
    weights: Mapping[str, Any]
    idle: list[str]
    aggregator: str
    optimizer: Mapping[str, Any]
    epochs: Required[int]
    steps: Required[int]
    images_at_once: int
    compiled: bool
    replayed: bool
    forwards: list[str]
    probe: Mapping[str, Any]
    critic: CriticRecord


class CriticRecord(StageRecord, total=False):
    """The critic of a stage: what it trains on, and that it takes ``updates`` steps at one batch in ``every``."""

    every: int
    updates: int


class StudentRecord(TypedDict):
    """The weights file of the student."""

    sha256: str
    parameters: int


class RunResult(TypedDict, total=False):
    """What a finished run adds: training time, skipped steps, and the measurements of its student."""

    seconds: float
    skipped_steps: int
    student: StudentRecord
    fidelity: Mapping[str, float | str | None]
    capacity: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]


class ResumeRecord(TypedDict, total=False):
    """One resumption: from which step (absent: from the first), by which command, and what had changed."""

    stage: str
    step: int
    command: list[Any]
    damaged: list[Any]
    differences: list[Any]


class ObserverRecord(TypedDict, total=False):
    """An observer: the seconds spent in it, and how it failed if it did."""

    use: str
    seconds: float
    failed: Any


class Manifest(TypedDict, total=False):
    """All of ``manifest.json``; ``result`` is there once the run is finished."""

    recipe: str
    command: list[Any]
    seed: int
    device: Annotated[str, Field(pattern=r"\S")]
    threads: int
    processes: int
    versions: Mapping[str, str]
    platform: str
    plugins: Mapping[str, Any]
    models: Mapping[str, Provenance]
    components: Mapping[str, Provenance]
    data: DataRecord
    stages: list[StageRecord]
    selection: Mapping[str, Any]
    fallbacks: list[Any]
    cautions: list[Any]
    resumed: list[ResumeRecord]
    observers: dict[str, ObserverRecord]
    result: RunResult


class CheckpointRecord(TypedDict):
    """The plain data of a checkpoint. ``metrics`` counts the bytes of metrics.jsonl; ``done`` holds finished stages."""

    stage: Text
    step: int
    metrics: int
    done: dict[Text, StageResult]
    skipped: int
    seconds: float
