"""The manifest of a run: enough to repeat it, and to know what it depends on."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from zerokd._version import __version__
from zerokd.equation.expression import Series
from zerokd.files.digest import file_sha256
from zerokd.measure.data_statistics import DataStatistics, compute_data_statistics
from zerokd.plugin.catalogue import Provider
from zerokd.plugin.contracts import Data
from zerokd.proof.evidence import Evidence
from zerokd.run.plan import RunPlan
from zerokd.run.records import Manifest, StageRecord
from zerokd.training.step import GradientAccumulator

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "pydantic", "pluggy", "attrs", "safetensors")


def build_manifest(plan: RunPlan, statistics: DataStatistics | None = None) -> Manifest:
    """The manifest before the first step: everything that decides the student's bytes, and the evidence of its probe.

    ``statistics`` of the plan's data are computed where they are not given.
    """
    components, data = plan.components, plan.components.data
    statistics = statistics or compute_data_statistics(data)
    return {
        "recipe": components.name,
        "command": sys.argv[1:],
        "seed": components.seed,
        "device": _describe_device(plan.device),
        "threads": components.threads,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "versions": {"zerokd": __version__, "python": platform.python_version(), **_read_package_versions()},
        "platform": platform.platform(),
        "plugins": {entry.qualified_name: _describe_provider(entry.provider) for entry in components.used_entries},
        "models": {name: components.provenance[f"models.{name}"] for name in components.models},
        "components": components.provenance,
        "data": {
            "source": components.provenance["data"],
            "images": len(data),
            "training": len(plan.training_indices),
            "held_out": [data.name(index) for index in plan.held_out_indices],
            "sha256": compute_data_digest(data),
            "account": statistics.as_json(with_names=False),
            "rejected": [{"name": name, "reason": reason} for name, reason in data.rejected],
        },
        "stages": _build_stage_records(plan),
        "selection": components.selection.as_json(),
        "fallbacks": list(components.fallbacks),
        "cautions": list(components.cautions),
    }


def _describe_provider(provider: Provider) -> str:
    return f"{provider} sha256:{file_sha256(provider.path)}" if provider.path else str(provider)


def _build_stage_records(plan: RunPlan) -> list[StageRecord]:
    """The record of each stage, with that of its critic."""
    evidences = iter(plan.evidences)  # the student's, then the critic's
    records = []
    for accumulator in plan.accumulators:
        record, plan_of_critic = _build_stage_record(accumulator, next(evidences)), accumulator.stage.critic
        if plan_of_critic is not None:
            own = _build_stage_record(plan.critics[accumulator.stage.name], next(evidences))
            record["critic"] = {**own, "every": plan_of_critic.every, "updates": plan_of_critic.steps}
        records.append(record)
    return records


def _build_stage_record(accumulator: GradientAccumulator, evidence: Evidence) -> StageRecord:
    stage, objective = accumulator.stage, accumulator.objective
    record: StageRecord = {
        "name": stage.name,
        "objective": stage.equation.text,
        "coefficients": {group: _summarize_series(series) for group, series in stage.coefficients.items()},
        "weights": {label: _summarize_series(series) for label, series in objective.weights.items()},
        "idle": list(stage.idle_terms),
        "optimizer": stage.optimizer.as_json(),
        "epochs": stage.epochs,
        "steps": stage.clock.steps,
        "images_at_once": accumulator.micro_batch_size,
        "compiled": any(step.uses_torch_compile for step in accumulator.compiled_steps),
        "replayed": any(step.uses_cuda_graph for step in accumulator.compiled_steps),
        "forwards": [call.owner for call in objective.graph.forward_passes()],
        "probe": evidence.as_dict(),
    }
    if stage.aggregator_name:
        record["aggregator"] = stage.aggregator_name
    return record


def _summarize_series(series: Series) -> Any:
    """A number, or the first, last, least and greatest value of a schedule."""
    if not isinstance(series, np.ndarray):
        return series
    return {"first": series[0], "last": series[-1], "least": series.min(), "most": series.max()}


def compute_data_digest(data: Data) -> str:
    """SHA-256 over every image's name and pixels, in order."""
    digest = hashlib.sha256()
    for index in range(len(data)):
        digest.update(data.name(index).encode() + b"\0")
        digest.update(data[index].numpy().tobytes())
    return digest.hexdigest()


def _describe_device(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def _read_package_versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return versions
