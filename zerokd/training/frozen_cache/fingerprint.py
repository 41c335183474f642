"""The fingerprint of a cache: everything but the image that decides the bits of cached tensors."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zerokd.files.machine import processor_name
from zerokd.objective.calls import Call, ForwardPass
from zerokd.objective.signal_calls import ParameterVector, ViewCall
from zerokd.training.frozen_cache.cacheable import CachePlan

VERSIONED_PACKAGES = {"torch", "builtins"}  # their version stands for their code
# environment variables that choose how numerical libraries compute
ENVIRONMENT_PREFIXES = ("ATEN_", "DNNL_", "KMP_", "MKL_", "ONEDNN_", "TORCH_")


def compute_fingerprint(cache_plan: CachePlan, device: torch.device) -> str:
    """SHA-256 over all that decides cached bits: the calls, the weights, configs and source code of their components,
    the installed packages, and the processor. Equal for two processes that compute the same."""
    graph = cache_plan.objective.graph
    losses = [cache_plan.objective.loss(label) for label in cache_plan.prepared_labels]
    ports = {name for label in cache_plan.prepared_labels for name in cache_plan.fixed_bindings[label].values()}
    calls = graph.live_calls(frozenset({*cache_plan.tensor_names, *ports}))
    facts = {
        "inputs": sorted(cache_plan.inputs),
        "names": cache_plan.tensor_names,
        "prepared": cache_plan.fixed_bindings,
        "calls": [_describe_call(call) for call in calls],
        "losses": [_describe_component(loss) for loss in losses],
        # adapters see the signals of all models
        "models": {
            forward.owner: [_class_path(forward.network), _config_json(forward.network)]
            for forward in graph.forward_passes()
        },
        "installed": _installed_packages(),
        "device": _describe_compute(device),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def hash_tensors(*tensors: Tensor) -> str:
    """SHA-256 over dtypes, shapes, strides and values of tensors."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(repr((str(tensor.dtype), tuple(tensor.shape), tensor.stride())).encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _describe_call(call: Call) -> list[Any]:
    if isinstance(call, ForwardPass):
        return [call.key, call.layers, str(call.dtype), _describe_component(call.network)]
    if isinstance(call, ParameterVector):
        return [call.writes, _describe_component(call.network)]
    if isinstance(call, ViewCall):
        augmentation = call.view.augmentation
        source = _hash_package(type(augmentation).__module__)
        return [call.key, call.source, _class_path(augmentation), _config_json(augmentation), source]
    return [call.key, call.ports, _describe_component(call.adapter)]


def _describe_component(component: nn.Module) -> list[Any]:
    return [
        _class_path(component),
        _config_json(component),
        dict(getattr(component, "sources", {})),
        _hash_state(component),
        sorted({_hash_package(root) for root in _source_modules(component)}),
    ]


def _class_path(component: object) -> str:
    return f"{type(component).__module__}:{type(component).__qualname__}"


def _config_json(component: Any) -> str:
    return str(component.config.model_dump_json()) if hasattr(component, "config") else ""


def _hash_state(component: nn.Module) -> Mapping[str, str]:
    return {name: hash_tensors(value) for name, value in (*component.named_parameters(), *component.named_buffers())}


def _source_modules(component: nn.Module) -> Iterator[str]:
    """The Python modules that define a component and its submodules."""
    for part in component.modules():
        for base in type(part).__mro__:
            if base.__module__.partition(".")[0] not in VERSIONED_PACKAGES:
                yield base.__module__


@cache
def _hash_package(module: str) -> str:
    """SHA-256 over the whole package of a module, which holds most of what it calls."""
    root = sys.modules.get(module.partition(".")[0])
    file = getattr(root, "__file__", None)
    if not file or not Path(file).is_file():
        return os.urandom(16).hex()  # code without a file may differ in the next process
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for file_path in files:
        digest.update(str(file_path.relative_to(path.parent)).encode() + b"\0" + file_path.read_bytes())
    return digest.hexdigest()


@cache
def _installed_packages() -> list[str]:
    return sorted(f"{distribution.metadata['Name']}=={distribution.version}" for distribution in distributions())


def _describe_compute(device: torch.device) -> list[Any]:
    """The processor, and the settings of its libraries."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    environment = {key: value for key, value in os.environ.items() if key.startswith(ENVIRONMENT_PREFIXES)}
    precision = [torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32]
    threads, capability = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    return [device.type, name, capability, threads, precision, environment, sys.version]
