"""How a run was made: enough to make it again, and to know what it rests on."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from zerokd._version import __version__
from zerokd.equation.expression import Series
from zerokd.files.digest import file_sha256
from zerokd.measure.data_statistics import compute_data_statistics
from zerokd.plugin.catalogue import Provider
from zerokd.plugin.contracts import Data
from zerokd.recipe.build.components import Components
from zerokd.training.step import GradientAccumulator

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "pydantic", "pluggy", "attrs", "safetensors")


def build_manifest(
    components: Components,
    accumulators: Sequence[GradientAccumulator],
    split_indices: tuple[list[int], list[int]],
    device: torch.device,
    arguments: Sequence[str],
) -> dict[str, Any]:
    """Everything that decides the run's bytes, as plain JSON."""
    data, (training, held_out) = components.data, split_indices
    return {
        "recipe": components.name,
        "command": list(arguments),
        "seed": components.seed,
        "device": _describe_device(device),
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
            "training": len(training),
            "held_out": [data.name(index) for index in held_out],
            "sha256": compute_data_digest(data),
            "account": compute_data_statistics(data).as_json(with_names=False),
            "rejected": [{"name": name, "reason": reason} for name, reason in data.rejected],
        },
        "stages": [_stage_to_dict(accumulator) for accumulator in accumulators],
        "fallbacks": list(components.fallbacks),
        "cautions": list(components.cautions),
    }


def _describe_provider(provider: Provider) -> str:
    return f"{provider} sha256:{file_sha256(provider.path)}" if provider.path else str(provider)


def _stage_to_dict(accumulator: GradientAccumulator) -> dict[str, Any]:
    stage, objective = accumulator.stage, accumulator.objective
    return {
        "name": stage.name,
        "objective": stage.equation.text,
        "coefficients": {group: _summarize_series(one) for group, one in stage.coefficients.items()},
        "weights": {label: _summarize_series(one) for label, one in objective.weights.items()},
        "idle": list(stage.idle_terms),
        **({"aggregator": stage.aggregator_name} if stage.aggregator_name else {}),
        "epochs": stage.epochs,
        "steps": stage.clock.steps,
        "images_at_once": accumulator.micro_batch_size,
        "compiled": any("compiled" in step.mode for step in accumulator.compiled_steps),
        "replayed": any("replayed" in step.mode for step in accumulator.compiled_steps),
        "forwards": [call.owner for call in objective.graph.forward_passes()],
    }


def _summarize_series(series: Series) -> Any:
    """A number, or what a schedule starts and ends with."""
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
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
