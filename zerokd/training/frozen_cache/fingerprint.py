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

from zerokd.files.machine import processor
from zerokd.objective.graph import Call, Forward
from zerokd.training.frozen_cache.cacheable import Keeping

INSTALLED = {"torch", "builtins"}  # whose version says what they do
SWITCHES = ("ATEN_", "DNNL_", "KMP_", "MKL_", "ONEDNN_", "TORCH_")  # variables by which libraries choose how to compute


def identity(keeping: Keeping, device: torch.device) -> str:
    """A SHA-256 over what is computed and by which chain, the weights, configs and source code of every part of it,
    all that is installed, and where it is computed: equal for two processes that would compute the same."""
    graph, losses = keeping.objective.graph, [keeping.objective.loss(label) for label in keeping.prepares]
    ports = {name for label in keeping.prepares for name in keeping.ports[label].values()}
    facts = {
        "names": keeping.names,
        "prepared": keeping.ports,
        "calls": [_call(one) for one in graph.live(frozenset({*keeping.names, *ports}))],
        "losses": [_component(one) for one in losses],
        # adapters are told what all of them give
        "models": {one.owner: [_class(one.network), _config(one.network)] for one in graph.forwards()},
        "installed": _installed(),
        "device": _place(device),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def digest(*tensors: Tensor) -> str:
    """A SHA-256 over tensors: types, shapes, layouts in memory and values."""
    found = hashlib.sha256()
    for one in tensors:
        found.update(repr((str(one.dtype), tuple(one.shape), one.stride())).encode())
        found.update(one.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _call(call: Call) -> list[Any]:
    if isinstance(call, Forward):
        return [call.owner, call.layers, str(call.dtype), _component(call.network)]
    return [call.key, call.ports, _component(call.adapter)]


def _component(one: nn.Module) -> list[Any]:
    return [_class(one), _config(one), _state(one), sorted({_code(root) for root in _roots(one)})]


def _class(one: nn.Module) -> str:
    return f"{type(one).__module__}:{type(one).__qualname__}"


def _config(one: Any) -> str:
    return str(one.config.model_dump_json()) if hasattr(one, "config") else ""


def _state(one: nn.Module) -> Mapping[str, str]:
    return {name: digest(value) for name, value in (*one.named_parameters(), *one.named_buffers())}


def _roots(one: nn.Module) -> Iterator[str]:
    """The modules that hold the code of a component and of its parts."""
    for part in one.modules():
        for each in type(part).__mro__:
            if each.__module__.partition(".")[0] not in INSTALLED:
                yield each.__module__


@cache
def _code(module: str) -> str:
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
def _installed() -> list[str]:
    return sorted(f"{one.metadata['Name']}=={one.version}" for one in distributions())


def _place(device: torch.device) -> list[Any]:
    """What computes, and what its libraries were told."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    told = {key: value for key, value in os.environ.items() if key.startswith(SWITCHES)}
    precision = [torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32]
    threads, capability = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    return [device.type, name, capability, threads, precision, told, sys.version]
