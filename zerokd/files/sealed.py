"""Weights files with a digest of all that they hold: safetensors loads a flipped bit, or a changed header, without an
error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zerokd.errors import Problem, WeightsError
from zerokd.files.weights import read_weights, write_weights

DIGEST_KEY = "digest"


def write_sealed(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a safetensors file that :func:`read_sealed` verifies; ``description`` is plain data that JSON can hold.

    Raises:
        OSError: the file cannot be written; an old one stays.
    """
    write_weights(path, tensors, {**description, DIGEST_KEY: compute_digest(tensors, description)})


def read_sealed(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the description that :func:`write_sealed` got.

    Raises:
        WeightsError: the file cannot be read, or holds anything else.
    """
    tensors, description = read_weights(path)
    digest = description.pop(DIGEST_KEY, None)
    if digest != compute_digest(tensors, description):
        raise WeightsError(Problem(f"{str(path)!r} is damaged: its digest does not match"))
    return tensors, description


def compute_digest(tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> str:
    """SHA-256 over the description and every tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
