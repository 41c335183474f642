"""Weights files: read without trusting them, written so that no half file is ever seen.

safetensors is ours; a released ``.pth`` is read with ``weights_only=True``, which never runs what a pickle asks for.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor, nn

from zerokd.errors import Problem, WeightsError
from zerokd.files.atomic import write_bytes

METADATA_KEY = "zerokd"  # the one metadata key of our files: a JSON object
MAX_SHOWN_KEYS = 4  # differing keys named in an error
SUPPORTED_DTYPES = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
SUPPORTED_DTYPES |= {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool}


def expand_weights_path(path: str | Path) -> Path:
    """The path that a user means by ``given``: ``~`` is the home folder.

    Raises:
        WeightsError: it is the home of a user who is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise WeightsError(_unreadable_weights_problem(Path(path), error)) from error


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a ``.safetensors`` or released ``.pth``/``.pt`` file by name, and what the file says of itself.

    The latter is what :func:`write_weights` was given as ``facts``; empty for a file that zerokd did not write.

    Raises:
        WeightsError: the file is missing, empty, damaged, or holds something else than named tensors.
    """
    try:
        if not path.is_file():
            wrong = "is a folder" if path.is_dir() else "does not exist"
            raise WeightsError(Problem(f"weights file {str(path)!r} {wrong}", hints=(_search_location_hint(path),)))
        if path.stat().st_size == 0:
            raise WeightsError(f"weights file {str(path)!r} is empty")
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                facts = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
                if not isinstance(facts, dict):
                    raise ValueError("what it says of itself is not a JSON object")
                return {key: file.get_tensor(key) for key in file.keys()}, facts  # noqa: SIM118
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # a malformed pickle raises almost anything, struct.error and AssertionError included
        raise WeightsError(_unreadable_weights_problem(path, error)) from error
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        hint = "save the network's state_dict() alone, or convert it to .safetensors"
        raise WeightsError(Problem(f"{str(path)!r} is not a state dict of named tensors", hints=(hint,)))
    return {str(key): value for key, value in loaded.items()}, {}


def load_model_state(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy ``state`` into ``model``, by name, whole or not at all.

    Raises:
        WeightsError: keys or shapes differ (the first ones are named), or values are not real, dense and finite.
    """
    odd = [key for key, value in state.items() if not _is_supported(value)]
    if odd:
        raise WeightsError(
            f"{source} holds tensors that are not real, dense numbers: {', '.join(odd[:MAX_SHOWN_KEYS])}"
        )
    wanted = model.state_dict()
    differing = [f"missing {key} {tuple(wanted[key].shape)}" for key in wanted if key not in state]
    differing += [f"unexpected {key} {tuple(state[key].shape)}" for key in state if key not in wanted]
    differing += [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    if differing:
        more = f" ... and {len(differing) - MAX_SHOWN_KEYS} more" if len(differing) > MAX_SHOWN_KEYS else ""
        text = f"{source} does not fit {type(model).__name__}: {'; '.join(differing[:MAX_SHOWN_KEYS])}{more}"
        raise WeightsError(Problem(text, hints=("the weights are of another architecture or configuration",)))
    bad = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if bad:
        raise WeightsError(f"{source} holds NaN or infinity in {', '.join(bad[:MAX_SHOWN_KEYS])}")
    model.load_state_dict(dict(state))


def write_weights(path: Path, state: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a safetensors file that describes itself, atomically."""
    # safetensors orders metadata keys anew in every process; a single key keeps a seed's bytes the same
    metadata = {METADATA_KEY: json.dumps(description, sort_keys=True)}
    data = safetensors.torch.save({key: value.detach().cpu().contiguous() for key, value in state.items()}, metadata)
    write_bytes(path, data)


def _is_supported(value: Tensor) -> bool:
    return (
        value.dtype in SUPPORTED_DTYPES and value.layout is torch.strided and not value.is_meta and not value.is_nested
    )


def _search_location_hint(path: Path) -> str:
    return f"looked in {path.absolute().parent}; a relative path counts from the working directory"


def _unreadable_weights_problem(path: Path, fault: BaseException) -> Problem:
    first = str(fault).strip().splitlines()[0][:160] if str(fault).strip() else type(fault).__name__
    if isinstance(fault, pickle.UnpicklingError | LookupError):  # "101", or the advice to run what is in the file
        first = "it is not a pickle of tensors alone"
    hint = "it is damaged, not a weights file, or holds more than tensors (which is never executed)"
    return Problem(f"cannot read weights from {str(path)!r}: {first}", hints=(hint,))
