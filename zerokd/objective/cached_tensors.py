"""Tensors of a batch that need no computation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen
from torch import Tensor

PreparedTensors = tuple[Tensor, ...]


@frozen(eq=False)
class CachedTensors:
    """What an objective computes from its images alone, whatever is trained: fixed tensors of its graph by name, and
    what losses prepared from their fixed ports by label, a tuple for each part of the batch."""

    tensors: Mapping[str, Tensor] = MappingProxyType({})
    prepared_ports: Mapping[str, tuple[PreparedTensors, ...]] = MappingProxyType({})


NOTHING_CACHED = CachedTensors()
