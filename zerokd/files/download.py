"""Tensors from the network: fetched once, only those in use kept, and never trusted unchecked."""

from __future__ import annotations

import hashlib
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from zerokd.errors import Problem, WeightsError
from zerokd.files.weights import read_weights, write_weights

SERVER_TIMEOUT_SECONDS = 30.0  # seconds a server may send nothing before it is given up


def fetch_tensors(
    url: str, hash_prefix: str, should_keep: Callable[[str], bool], cache_path: Path
) -> dict[str, Tensor]:
    """The tensors whose names ``keep`` accepts, of the weights file at ``url``. Another ``keep`` needs another path.

    They come from ``cache_path`` when an earlier call left them there undamaged. Otherwise the file is downloaded, its
    SHA-256 held against ``hash_prefix``, and the kept tensors written to ``cache_path`` with a hash of their own. The
    download itself is removed, whatever happens.

    Raises:
        WeightsError: there is no network, the download is not the expected file, or the cache cannot be written.
    """
    kept = _read_cached_tensors(cache_path, url)
    if kept is None:
        try:
            kept = {
                name: value
                for name, value in _download_tensors(url, hash_prefix, cache_path).items()
                if should_keep(name)
            }
            write_weights(cache_path, kept, _describe_tensors(url, kept))
        except (OSError, RuntimeError, ValueError, HTTPException) as error:  # URLError and timeouts are OSErrors
            hint = f"it needs the network once, and a writable cache: {cache_path.parent} (ZEROKD_CACHE moves it)"
            text = f"cannot fetch {url!r}: {str(error) or type(error).__name__}"
            raise WeightsError(Problem(text, hints=(hint,))) from error
    return kept


def _read_cached_tensors(path: Path, url: str) -> dict[str, Tensor] | None:
    """The tensors kept at ``path``; None when there are none, others, or other bytes than were written."""
    try:
        tensors, facts = read_weights(path)
    except WeightsError:
        return None
    return tensors if facts == _describe_tensors(url, tensors) else None


def _describe_tensors(url: str, tensors: dict[str, Tensor]) -> dict[str, str]:
    return {"url": url, "sha256": hashlib.sha256(safetensors.torch.save(tensors)).hexdigest()}


def _download_tensors(url: str, hash_prefix: str, cache_path: Path) -> dict[str, Tensor]:
    cache_path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_path.parent, prefix=".download-") as folder, _socket_timeout():
        whole = Path(folder) / Path(url).name
        torch.hub.download_url_to_file(url, str(whole), hash_prefix, progress=sys.stderr.isatty())
        return read_weights(whole)[0]


@contextmanager
def _socket_timeout() -> Iterator[None]:
    """torch.hub waits for ever; the process-wide default is the one limit that reaches its sockets."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SERVER_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
