"""What decides the bits of all that is kept of an image, apart from the image."""

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
from zerokd.objective.graph import Call, ForwardPass
from zerokd.training.frozen_cache.cacheable import CachePlan

VERSIONED_PACKAGES = {"torch", "builtins"}  # whose version says what they do
ENVIRONMENT_PREFIXES = (
    "ATEN_",
    "DNNL_",
    "KMP_",
    "MKL_",
    "ONEDNN_",
    "TORCH_",
)  # variables by which libraries choose how to compute


def compute_fingerprint(cache_plan: CachePlan, device: torch.device) -> str:
    """A SHA-256 over what is computed and by which chain, the weights, configs and source code of every part of it,
    all that is installed, and where it is computed: equal for two processes that would compute the same."""
    graph, losses = (
        cache_plan.objective.graph,
        [cache_plan.objective.loss(label) for label in cache_plan.prepared_labels],
    )
    ports = {name for label in cache_plan.prepared_labels for name in cache_plan.fixed_bindings[label].values()}
    facts = {
        "names": cache_plan.tensor_names,
        "prepared": cache_plan.fixed_bindings,
        "calls": [
            _describe_call(live_call) for live_call in graph.live_calls(frozenset({*cache_plan.tensor_names, *ports}))
        ],
        "losses": [_describe_component(loss) for loss in losses],
        # adapters are told what all of them give
        "models": {
            shader_pass.owner: [_class_path(shader_pass.network), _config_json(shader_pass.network)]
            for shader_pass in graph.forward_passes()
        },
        "installed": _installed_packages(),
        "device": _describe_compute(device),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def hash_tensors(*tensors: Tensor) -> str:
    """A SHA-256 over tensors: types, shapes, layouts in memory and values."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(repr((str(tensor.dtype), tuple(tensor.shape), tensor.stride())).encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _describe_call(call: Call) -> list[Any]:
    if isinstance(call, ForwardPass):
        return [call.owner, call.layers, str(call.dtype), _describe_component(call.network)]
    return [call.key, call.ports, _describe_component(call.adapter)]


def _describe_component(component: nn.Module) -> list[Any]:
    return [
        _class_path(component),
        _config_json(component),
        _hash_state(component),
        sorted({_hash_package(root) for root in _source_modules(component)}),
    ]


def _class_path(component: nn.Module) -> str:
    return f"{type(component).__module__}:{type(component).__qualname__}"


def _config_json(component: Any) -> str:
    return str(component.config.model_dump_json()) if hasattr(component, "config") else ""


def _hash_state(component: nn.Module) -> Mapping[str, str]:
    return {name: hash_tensors(value) for name, value in (*component.named_parameters(), *component.named_buffers())}


def _source_modules(component: nn.Module) -> Iterator[str]:
    """The modules that hold the code of a component and of its parts."""
    for part in component.modules():
        for each in type(part).__mro__:
            if each.__module__.partition(".")[0] not in VERSIONED_PACKAGES:
                yield each.__module__


@cache
def _hash_package(module: str) -> str:
    """A SHA-256 over a module's package as a whole, since what it calls is mostly there."""
    root = sys.modules.get(module.partition(".")[0])
    file = getattr(root, "__file__", None)
    if not file or not Path(file).is_file():
        return os.urandom(16).hex()  # code that lies in no file may be another the next time
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    found = hashlib.sha256()
    for one in files:
        found.update(str(one.relative_to(path.parent)).encode() + b"\0" + one.read_bytes())
    return found.hexdigest()


@cache
def _installed_packages() -> list[str]:
    return sorted(f"{distribution.metadata['Name']}=={distribution.version}" for distribution in distributions())


def _describe_compute(device: torch.device) -> list[Any]:
    """What computes, and what its libraries were told."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    told = {key: value for key, value in os.environ.items() if key.startswith(ENVIRONMENT_PREFIXES)}
    precision = [torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32]
    threads, capability = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    return [device.type, name, capability, threads, precision, told, sys.version]
