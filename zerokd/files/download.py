"""Downloads of weights files: fetched once, checked against a digest, and cached without unused tensors."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import safetensors.torch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from torch import Tensor

from zerokd.errors import Problem, WeightsError
from zerokd.files.consent import FREE_BYTES, require_consent
from zerokd.files.scratch import scratch_folder
from zerokd.files.weights import read_weights, write_weights

SERVER_TIMEOUT_SECONDS = 30.0  # without any data
CHUNK_BYTES = 2**18
SECONDS_PER_LINE = 5.0  # between two lines where there is no terminal


def fetch_tensors(
    url: str, hash_prefix: str, should_keep: Callable[[str], bool], cache_path: Path, size_bytes: int
) -> dict[str, Tensor]:
    """The tensors of the weights file at ``url`` whose names ``should_keep`` accepts, by name.

    They come from ``cache_path`` if it holds them undamaged. Otherwise this downloads the file, if the user agrees to
    more than 10 MB, compares its SHA-256 with ``hash_prefix``, writes the accepted tensors to ``cache_path`` with a
    digest of their own, and always removes the download. Another ``should_keep`` needs another ``cache_path``.

    Args:
        size_bytes: the size of the file. A file that is more than 10 MB larger is refused.

    Raises:
        WeightsError: nobody agreed, the network fails, the download is not the expected file, or the cache cannot be
            written.
    """
    tensors = _read_cached_tensors(cache_path, url)
    if tensors is None:
        require_consent(url, size_bytes, cache_path.parent)
        with _report_failure(url, f"a writable cache: {cache_path.parent} (set ZEROKD_CACHE)"):
            downloaded = _download_tensors(url, hash_prefix, cache_path, size_bytes)
            tensors = {name: value for name, value in downloaded.items() if should_keep(name)}
            write_weights(cache_path, tensors, _describe_tensors(url, tensors))
    return tensors


def fetch_file(url: str, hash_prefix: str, path: Path) -> None:
    """Download a file that another library reads, whole or not at all.

    The user must agree if the server announces more than 10 MB, or no size.

    Raises:
        WeightsError: nobody agreed, the network fails, or the SHA-256 does not start with ``hash_prefix``.
    """
    with _report_failure(url, f"a writable folder: {path.parent}"):
        with urlopen(url, timeout=SERVER_TIMEOUT_SECONDS) as response:
            size_bytes = response.length or FREE_BYTES + 1
        require_consent(url, size_bytes, path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(path.parent) as folder:
            partial = folder / path.name
            _require_digest(_download_file(url, partial, size_bytes), hash_prefix)
            partial.replace(path)


@contextmanager
def _report_failure(url: str, need: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError, HTTPException) as error:  # URLError and timeouts are OSErrors
        text = f"cannot fetch {url!r}: {str(error) or type(error).__name__}"
        raise WeightsError(Problem(text, hints=(f"the download needs the network once, and {need}",))) from error


def _read_cached_tensors(path: Path, url: str) -> dict[str, Tensor] | None:
    """The tensors in the cache file; None if it is missing, damaged, or of another URL."""
    try:
        tensors, metadata = read_weights(path)
    except WeightsError:
        return None
    return tensors if metadata == _describe_tensors(url, tensors) else None


def _describe_tensors(url: str, tensors: dict[str, Tensor]) -> dict[str, str]:
    return {"url": url, "sha256": hashlib.sha256(safetensors.torch.save(tensors)).hexdigest()}


def _download_tensors(url: str, hash_prefix: str, cache_path: Path, size_bytes: int) -> dict[str, Tensor]:
    cache_path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(cache_path.parent) as folder:
        path = folder / Path(url).name
        _require_digest(_download_file(url, path, size_bytes), hash_prefix)
        return read_weights(path)[0]


def _require_digest(digest: str, hash_prefix: str) -> None:
    if not digest.startswith(hash_prefix):
        raise ValueError(f"invalid hash: SHA-256 starts with {digest[: len(hash_prefix)]}, expected {hash_prefix}")


def _download_file(url: str, path: Path, size_bytes: int) -> str:
    """Download a file, show how it goes, and return its SHA-256."""
    digest, received = hashlib.sha256(), 0
    with urlopen(url, timeout=SERVER_TIMEOUT_SECONDS) as response, open(path, "wb") as file:
        with _show_progress(path.name, size_bytes) as report:
            while chunk := response.read(CHUNK_BYTES):
                received += len(chunk)
                if received > size_bytes + FREE_BYTES:
                    raise ValueError(f"the file is larger than the {size_bytes} bytes that it should have")
                digest.update(chunk)
                file.write(chunk)
                report(received)
        if response.length:  # what the server promised and did not send
            raise ValueError(f"the connection ended after {received} of {received + response.length} bytes")
    return digest.hexdigest()


@contextmanager
def _show_progress(name: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, else a line every five seconds; yields what takes the number of bytes so far."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _LineReporter(name, size_bytes).report
        return
    columns = TextColumn("{task.description}"), BarColumn(12), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(name, total=size_bytes)
        yield lambda received: bar.update(task, completed=received)


class _LineReporter:
    """Prints a line to stderr every five seconds: progress, speed and time left."""

    def __init__(self, name: str, size_bytes: int):
        self.name, self.size_bytes = name, size_bytes
        self.started = self.reported = time.monotonic()

    def report(self, received: int) -> None:
        now = time.monotonic()
        if now - self.reported < SECONDS_PER_LINE and received < self.size_bytes:
            return
        self.reported = now
        speed = received / max(now - self.started, 1e-9)
        left = (self.size_bytes - received) / speed
        text = f"{self.name}: {received / 2**20:.0f} of {self.size_bytes / 2**20:.0f} MB, {speed / 2**20:.1f} MB/s"
        print(f"{text}, {left:.0f} s left", file=sys.stderr, flush=True)
