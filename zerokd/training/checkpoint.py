"""Checkpoints: what a run needs to resume after its process is gone.

The folder holds ``last.safetensors`` and ``prev.safetensors``. A new checkpoint is written as ``next.safetensors`` and
renamed, so that a process that dies at any moment leaves at least one whole file.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen
from torch import Tensor

from zerokd.errors import Problem, WeightsError
from zerokd.files.atomic import remove_stale_temporaries, rename_files
from zerokd.files.sealed import read_sealed, write_sealed

LAST_FILE, PREVIOUS_FILE, NEXT_FILE = "last.safetensors", "prev.safetensors", "next.safetensors"


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
        write_sealed(new, checkpoint.tensors, checkpoint.metadata)
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
    remove_stale_temporaries([folder], exclusive=True)
    damaged: list[str] = []
    for name in (NEXT_FILE, LAST_FILE, PREVIOUS_FILE):  # newest first; next is whole and only not renamed yet
        try:
            if (folder / name).exists():
                return Checkpoint(*read_sealed(folder / name)), tuple(damaged)
        except WeightsError as error:
            damaged.append(error.problems[0].message)
    if damaged:
        hint = "start a new run in another folder; what this run wrote is still there"
        raise WeightsError(*(Problem(text) for text in damaged[:-1]), Problem(damaged[-1], hints=(hint,)))
    raise WeightsError(Problem(f"{str(folder)!r} holds no checkpoint"))


def delete_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a finished run, and their folder unless it holds something else."""
    for name in (NEXT_FILE, PREVIOUS_FILE, LAST_FILE):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the name of their owner: ``e_conv1.weight`` -> ``student/e_conv1.weight``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one owner, without its name; the inverse of :func:`add_prefix`."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
