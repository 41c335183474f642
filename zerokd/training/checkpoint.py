"""Checkpoints: what a run needs to go on after its process is gone, whole or not at all.

Two files stand in the folder, ``last.safetensors`` and ``prev.safetensors``. Each is written to a temporary file beside
it, flushed to disk and renamed, so that a process that dies at any moment leaves at least one whole file. safetensors
loads a flipped bit without a word: every file carries a digest of all that it says.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from zerokd.errors import Problem, WeightsError
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
        OSError: the disk is full or cannot be written; the files that stood there still do.
    """
    folder.mkdir(exist_ok=True)
    fresh, last = folder / NEXT_FILE, folder / LAST_FILE
    try:
        write_weights(
            fresh, checkpoint.tensors, {**checkpoint.metadata, DIGEST_KEY: compute_checkpoint_digest(checkpoint)}
        )
        if last.exists():
            os.replace(last, folder / PREVIOUS_FILE)
        os.replace(fresh, last)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _fsync_folder(folder)


def load_checkpoint(folder: Path) -> tuple[Checkpoint, tuple[str, ...]]:
    """The newest whole checkpoint, and a line for each file that is damaged and was passed over. Leftovers of a write
    that was cut off are removed.

    Raises:
        WeightsError: there is no checkpoint, or none is whole.
    """
    for leftover in folder.glob(".*.safetensors.*"):
        leftover.unlink(missing_ok=True)
    damaged: list[str] = []
    # one that was written and not yet renamed is as good as the last one, and newer
    for name in (NEXT_FILE, LAST_FILE, PREVIOUS_FILE):
        try:
            if (folder / name).exists():
                return _read_checkpoint(folder / name), tuple(damaged)
        except WeightsError as error:
            damaged.append(error.problems[0].message)
    if damaged:
        hint = "start anew in another folder; what the run wrote is still there"
        raise WeightsError(*(Problem(text) for text in damaged[:-1]), Problem(damaged[-1], hints=(hint,)))
    raise WeightsError(Problem(f"{str(folder)!r} holds no checkpoint"))


def delete_checkpoints(folder: Path) -> None:
    """Take a finished run's checkpoints away."""
    for name in (NEXT_FILE, PREVIOUS_FILE, LAST_FILE):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def compute_checkpoint_digest(checkpoint: Checkpoint) -> str:
    """SHA-256 over the facts, and every tensor's name, type, shape and bytes."""
    found = hashlib.sha256(json.dumps(checkpoint.metadata, sort_keys=True).encode())
    for name, tensor in sorted(checkpoint.tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        found.update(f"\0{name}\0{plain.dtype}\0{tuple(plain.shape)}\0".encode())
        found.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _read_checkpoint(path: Path) -> Checkpoint:
    tensors, facts = read_weights(path)
    checkpoint = Checkpoint(tensors, {key: value for key, value in facts.items() if key != DIGEST_KEY})
    if facts.get(DIGEST_KEY) != compute_checkpoint_digest(checkpoint):
        raise WeightsError(Problem(f"checkpoint {str(path)!r} is damaged: its digest does not match"))
    return checkpoint


def _fsync_folder(folder: Path) -> None:
    """Make the renames themselves last: on most systems a folder is flushed like a file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under a name of their owner: ``student`` -> ``student/e_conv1.weight``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one owner, under their own names."""
    return {name.removeprefix(f"{prefix}/"): one for name, one in tensors.items() if name.startswith(f"{prefix}/")}
