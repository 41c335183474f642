"""Files of students that zerokd makes itself: with other controls, or of another program's weights."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from zerokd.files.atomic import write_bytes
from zerokd.files.cache import cache_folder


def store_student(content: bytes) -> Path:
    """The path of a student's file with this content: in the cache, else in a folder that lasts as long as the process.

    Raises:
        OSError: neither can be written.
    """
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.safetensors"
    try:
        return _write(cache_folder() / "students" / name, content)
    except OSError:
        return _write(Path(_temporary_folder().name) / name, content)


def _write(path: Path, content: bytes) -> Path:
    """Write a file unless it has this content: what lies in a cache is not trusted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.is_file() and path.read_bytes() == content):
        write_bytes(path, content)
    return path


@cache
def _temporary_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="zerokd-")
