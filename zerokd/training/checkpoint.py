"""Checkpoints: what a run needs to resume after its process is gone.

The folder holds ``last.safetensors`` and ``prev.safetensors``. A new checkpoint is written as ``next.safetensors`` and
renamed, so that a process that dies at any moment leaves at least one whole file. safetensors loads a flipped bit
without an error: every file carries a digest of its contents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import Problem, WeightsError
from zerokd.files.atomic import remove_stale_temporaries, rename_files
from zerokd.files.weights import read_weights, write_weights

LAST_FILE, PREVIOUS_FILE, NEXT_FILE = "last.safetensors", "prev.safetensors", "next.safetensors"
DIGEST_KEY = "digest"


@frozen(eq=False)
class Checkpoint:
    """Tensors by name, and plain data that JSON can hold."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the one before it stays as ``prev``.

    Raises:
        OSError: it cannot be written; the earlier checkpoints are intact.
    """
    folder.mkdir(exist_ok=True)
    new, last = folder / NEXT_FILE, folder / LAST_FILE
    try:
        digest = compute_checkpoint_digest(checkpoint)
        write_weights(new, checkpoint.tensors, {**checkpoint.metadata, DIGEST_KEY: digest})
        rename_files(({folder / PREVIOUS_FILE: last} if last.exists() else {}) | {last: new})
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def load_checkpoint(folder: Path) -> tuple[Checkpoint, tuple[str, ...]]:
    """The newest intact checkpoint, and a message for each damaged file that was skipped.

    Temporary files of dead processes are removed.

    Raises:
        WeightsError: there is no checkpoint, or none is intact.
    """
    remove_stale_temporaries([folder])
    damaged: list[str] = []
    for name in (NEXT_FILE, LAST_FILE, PREVIOUS_FILE):  # newest first; next is whole and only not renamed yet
        try:
            if (folder / name).exists():
                return _read_checkpoint(folder / name), tuple(damaged)
        except WeightsError as error:
            damaged.append(error.problems[0].message)
    if damaged:
        hint = "start a new run in another folder; what this run wrote is still there"
        raise WeightsError(*(Problem(text) for text in damaged[:-1]), Problem(damaged[-1], hints=(hint,)))
    raise WeightsError(Problem(f"{str(folder)!r} holds no checkpoint"))


def delete_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a finished run, and their folder."""
    for name in (NEXT_FILE, PREVIOUS_FILE, LAST_FILE):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def compute_checkpoint_digest(checkpoint: Checkpoint) -> str:
    """SHA-256 over the metadata and every tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256(json.dumps(checkpoint.metadata, sort_keys=True).encode())
    for name, tensor in sorted(checkpoint.tensors.items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read_checkpoint(path: Path) -> Checkpoint:
    tensors, metadata = read_weights(path)
    digest = metadata.pop(DIGEST_KEY, None)
    checkpoint = Checkpoint(tensors, metadata)
    if digest != compute_checkpoint_digest(checkpoint):
        raise WeightsError(Problem(f"checkpoint {str(path)!r} is damaged: its digest does not match"))
    return checkpoint


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the name of their owner: ``e_conv1.weight`` -> ``student/e_conv1.weight``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one owner, without its name; the inverse of :func:`add_prefix`."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
