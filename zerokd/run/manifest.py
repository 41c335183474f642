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
from zerokd.files.digest import sha256
from zerokd.measure.data_statistics import data_account
from zerokd.plugin.catalogue import Provider
from zerokd.plugin.contracts import Data
from zerokd.recipe.build.components import Components
from zerokd.training.step import Stepper

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "pydantic", "pluggy", "attrs", "safetensors")


def manifest(
    components: Components,
    steppers: Sequence[Stepper],
    parts: tuple[list[int], list[int]],
    device: torch.device,
    arguments: Sequence[str],
) -> dict[str, Any]:
    """Everything that decides the run's bytes, as plain JSON."""
    data, (training, held_out) = components.data, parts
    return {
        "recipe": components.name,
        "command": list(arguments),
        "seed": components.seed,
        "device": _device(device),
        "threads": components.threads,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "versions": {"zerokd": __version__, "python": platform.python_version(), **_versions()},
        "platform": platform.platform(),
        "plugins": {entry.qualified: _provider(entry.provider) for entry in components.used},
        "models": {name: components.origins[f"models.{name}"] for name in components.models},
        "components": components.origins,
        "data": {
            "source": components.origins["data"],
            "images": len(data),
            "training": len(training),
            "held_out": [data.name(index) for index in held_out],
            "sha256": fingerprint(data),
            "account": data_account(data).as_json(named=False),
            "rejected": [{"name": name, "reason": reason} for name, reason in data.rejected],
        },
        "stages": [_stage(one) for one in steppers],
        "fallbacks": list(components.fallbacks),
        "cautions": list(components.cautions),
    }


def _provider(provider: Provider) -> str:
    return f"{provider} sha256:{sha256(provider.path)}" if provider.path else str(provider)


def _stage(stepper: Stepper) -> dict[str, Any]:
    phase, objective = stepper.phase, stepper.objective
    return {
        "name": phase.name,
        "objective": phase.equation.text,
        "coefficients": {group: _told(one) for group, one in phase.coefficients.items()},
        "weights": {label: _told(one) for label, one in objective.weights.items()},
        "idle": list(phase.idle),
        **({"aggregator": phase.aggregate} if phase.aggregate else {}),
        "epochs": phase.epochs,
        "steps": phase.clock.steps,
        "images_at_once": stepper.at_once,
        "compiled": any("compiled" in one.how for one in stepper.programs),
        "replayed": any("replayed" in one.how for one in stepper.programs),
        "forwards": [call.owner for call in objective.graph.forwards()],
    }


def _told(series: Series) -> Any:
    """A number, or what a schedule starts and ends with."""
    if not isinstance(series, np.ndarray):
        return series
    return {"first": series[0], "last": series[-1], "least": series.min(), "most": series.max()}


def fingerprint(data: Data) -> str:
    """SHA-256 over every image's name and pixels, in order."""
    digest = hashlib.sha256()
    for index in range(len(data)):
        digest.update(data.name(index).encode() + b"\0")
        digest.update(data[index].numpy().tobytes())
    return digest.hexdigest()


def _device(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
