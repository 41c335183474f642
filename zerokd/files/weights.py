"""Weights files: read without trust, written atomically.

zerokd writes safetensors. It reads a released ``.pth`` with ``weights_only=True``, which runs no code of a pickle.
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
from zerokd.files.record import parse_json

METADATA_KEY = "zerokd"  # the only metadata key: a JSON object
MAX_SHOWN_KEYS = 4  # names of tensors in an error
SUPPORTED_DTYPES = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
SUPPORTED_DTYPES |= {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool}


def expand_weights_path(path: str | Path) -> Path:
    """The path with ``~`` replaced by the home folder.

    Raises:
        WeightsError: it is the home of an unknown user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise WeightsError(_unreadable_weights_problem(Path(path), error)) from error


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a ``.safetensors`` or released ``.pth``/``.pt`` file by name, and the metadata of the file.

    The metadata is the ``description`` that :func:`write_weights` got; it is empty for a file of another program.

    Raises:
        WeightsError: the file is missing, empty or damaged, or holds other than named tensors.
    """
    try:
        require_file(path, "weights file")
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                metadata = parse_json((file.metadata() or {}).get(METADATA_KEY, "{}"))
                if not isinstance(metadata, dict):
                    raise ValueError("its metadata is not a JSON object")
                return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # a malformed pickle raises almost anything, struct.error and AssertionError included
        raise WeightsError(_unreadable_weights_problem(path, error)) from error
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        hint = "save the network's state_dict() alone, or convert it to .safetensors"
        raise WeightsError(Problem(f"{str(path)!r} is not a state dict of named tensors", hints=(hint,)))
    return {str(key): value for key, value in loaded.items()}, {}


def require_file(path: Path, label: str) -> None:
    """Check that a path leads to a regular file with content; ``label`` is what the file is called.

    Raises:
        WeightsError: it does not.
        OSError, ValueError: the path cannot be looked up.
    """
    if not path.is_file():
        reason = "is a folder" if path.is_dir() else "is not a regular file" if path.exists() else "does not exist"
        raise WeightsError(Problem(f"{label} {str(path)!r} {reason}", hints=(_search_location_hint(path),)))
    if path.stat().st_size == 0:
        raise WeightsError(f"{label} {str(path)!r} is empty")


def load_model_state(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy ``state`` into ``model`` by name, all of it or nothing.

    Subnormal numbers, below 1.2e-38 in float32, become 0: some processors take a hundred times as long for a product,
    and an image shows none of them. Half-precision tensors stay: theirs are large.

    Raises:
        WeightsError: keys or shapes differ (it names the first), or values are not real, dense and finite.
    """
    unsupported = [key for key, value in state.items() if not _is_supported(value)]
    if unsupported:
        names = ", ".join(unsupported[:MAX_SHOWN_KEYS])
        raise WeightsError(f"{source} holds tensors that are not real, dense numbers: {names}")
    expected = model.state_dict()
    if expected and not state:
        raise WeightsError(f"{source} holds no tensor")
    differing = [f"missing {key} {tuple(expected[key].shape)}" for key in expected if key not in state]
    differing += [f"unexpected {key} {tuple(state[key].shape)}" for key in state if key not in expected]
    differing += [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(expected[key].shape)}"
        for key in expected
        if key in state and state[key].shape != expected[key].shape
    ]
    if differing:
        more = f" ... and {len(differing) - MAX_SHOWN_KEYS} more" if len(differing) > MAX_SHOWN_KEYS else ""
        text = f"{source} does not fit {type(model).__name__}: {'; '.join(differing[:MAX_SHOWN_KEYS])}{more}"
        raise WeightsError(Problem(text, hints=("the weights are of another architecture or configuration",)))
    not_finite = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if not_finite:
        raise WeightsError(f"{source} holds NaN or infinity in {', '.join(not_finite[:MAX_SHOWN_KEYS])}")
    model.load_state_dict(dict(state))
    _flush_subnormals(model)


@torch.no_grad()
def _flush_subnormals(model: nn.Module) -> None:
    for tensor in model.state_dict().values():
        if tensor.dtype in (torch.float32, torch.float64):
            tensor.masked_fill_(tensor.abs() < torch.finfo(tensor.dtype).tiny, 0)


def write_weights(path: Path, state: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a safetensors file with a ``description``, which :func:`read_weights` returns as metadata.

    Raises:
        OSError: the file cannot be written; an old one stays.
    """
    write_bytes(path, encode_weights(state, description))


def encode_weights(state: Mapping[str, Tensor], description: Mapping[str, Any]) -> bytes:
    """The content of the file that :func:`write_weights` writes."""
    # safetensors orders metadata keys differently in every process: a single key keeps the bytes of a seed equal
    metadata = {METADATA_KEY: json.dumps(description, sort_keys=True)}
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    return safetensors.torch.save(tensors, metadata)


def _is_supported(value: Tensor) -> bool:
    return (
        value.dtype in SUPPORTED_DTYPES and value.layout is torch.strided and not value.is_meta and not value.is_nested
    )


def _search_location_hint(path: Path) -> str:
    return f"looked in {path.absolute().parent}; a relative path starts at the working directory"


def _unreadable_weights_problem(path: Path, error: BaseException) -> Problem:
    reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
    if isinstance(error, pickle.UnpicklingError | LookupError):  # its text is "101", or advice to run the file's code
        reason = "it is not a pickle of tensors alone"
    hint = "the file is damaged, not a weights file, or holds more than tensors (zerokd never executes its code)"
    return Problem(f"cannot read weights from {str(path)!r}: {reason}", hints=(hint,))
