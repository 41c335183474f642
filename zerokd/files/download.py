"""Downloads of weights files: fetched once, checked against a digest, and cached without unused tensors."""

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

SERVER_TIMEOUT_SECONDS = 30.0  # without any data


def fetch_tensors(
    url: str, hash_prefix: str, should_keep: Callable[[str], bool], cache_path: Path
) -> dict[str, Tensor]:
    """The tensors of the weights file at ``url`` whose names ``should_keep`` accepts, by name.

    They come from ``cache_path`` if it holds them undamaged. Otherwise this downloads the file, compares its SHA-256
    with ``hash_prefix``, writes the accepted tensors to ``cache_path`` with a digest of their own, and always removes
    the download. Another ``should_keep`` needs another ``cache_path``.

    Raises:
        WeightsError: the network fails, the download is not the expected file, or the cache cannot be written.
    """
    tensors = _read_cached_tensors(cache_path, url)
    if tensors is None:
        try:
            downloaded = _download_tensors(url, hash_prefix, cache_path)
            tensors = {name: value for name, value in downloaded.items() if should_keep(name)}
            write_weights(cache_path, tensors, _describe_tensors(url, tensors))
        except (OSError, RuntimeError, ValueError, HTTPException) as error:  # URLError and timeouts are OSErrors
            hint = f"the download needs the network once, and a writable cache: {cache_path.parent} (set ZEROKD_CACHE)"
            text = f"cannot fetch {url!r}: {str(error) or type(error).__name__}"
            raise WeightsError(Problem(text, hints=(hint,))) from error
    return tensors


def _read_cached_tensors(path: Path, url: str) -> dict[str, Tensor] | None:
    """The tensors in the cache file; None if it is missing, damaged, or of another URL."""
    try:
        tensors, metadata = read_weights(path)
    except WeightsError:
        return None
    return tensors if metadata == _describe_tensors(url, tensors) else None


def _describe_tensors(url: str, tensors: dict[str, Tensor]) -> dict[str, str]:
    return {"url": url, "sha256": hashlib.sha256(safetensors.torch.save(tensors)).hexdigest()}


def _download_tensors(url: str, hash_prefix: str, cache_path: Path) -> dict[str, Tensor]:
    cache_path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_path.parent, prefix=".download-") as folder, _socket_timeout():
        path = Path(folder) / Path(url).name
        torch.hub.download_url_to_file(url, str(path), hash_prefix, progress=sys.stderr.isatty())
        return read_weights(path)[0]


@contextmanager
def _socket_timeout() -> Iterator[None]:
    """Limit the wait for a server: torch.hub has no limit, and only the process-wide default reaches its sockets."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SERVER_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
