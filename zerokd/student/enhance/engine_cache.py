"""The cache of engine files: each is built once for a student, and loaded only if its bytes are those that were built.

A damaged library or model would crash in native code, where no error can be caught. A cached file therefore carries the
SHA-256 of its content in its name, and is built again if that differs.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from zerokd._version import __version__
from zerokd.files.atomic import remove_stale_temporaries, write_bytes
from zerokd.files.cache import cache_folder
from zerokd.files.digest import file_sha256
from zerokd.files.scratch import scratch_folder

SOURCE_FILES = {  # they determine the content of cached files
    "zerokd.exporters": (
        *(
            "auto_exposure_code.py",
            "c_auto_exposure.py",
            "c_auto_exposure.txt",
            "c_code.py",
            "c_header.txt",
            "c_pixels.txt",
            "c_text.py",
            "c_library.py",
        ),
        *("traced_program.py", "onnx.py", "onnx_graph.py", "metadata.py"),
    ),
    "zerokd.models": (
        *("auto_exposure.py", "exposure_state.py", "exposure_over_time.py", "brightness_map.py", "pyramid.py"),
        "reinhard_curve.py",
    ),
}
Loaded = TypeVar("Loaded")


def load_or_build(
    weights: Path, extra_key: str, suffix: str, build: Callable[[Path], None], load: Callable[[Path], Loaded]
) -> Loaded:
    """What ``load`` returns for the file that ``build`` writes: the cached one if it is intact, else a new one.

    ``weights`` and ``extra_key`` decide its content. A file that the cache cannot store is loaded from a scratch
    folder.

    Raises:
        OSError: the weights cannot be read, or there is no place for temporary files.
        Exception: whatever ``build`` or ``load`` raises.
    """
    folder, key = cache_folder() / "engines", _compute_key(weights, extra_key)
    for path in _find_files(folder, key, suffix):
        if _is_intact(path):
            return load(path)
    with scratch_folder() as scratch:
        built = scratch / f"student{suffix}"
        build(built)
        return load(_store(built, folder, key) or built)


def _compute_key(weights: Path, extra_key: str) -> str:
    digest = hashlib.sha256(weights.read_bytes() + f"{__version__} {platform.machine()} {extra_key}".encode())
    for room, names in SOURCE_FILES.items():
        for name in names:
            digest.update(files(room).joinpath(name).read_bytes())
    return digest.hexdigest()[:32]


def _find_files(folder: Path, key: str, suffix: str) -> list[Path]:
    """The cached files of a key: usually one, more if several processes built it at once."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(f"{key}-") and path.suffix == suffix)
    except OSError:
        return []


def _is_intact(path: Path) -> bool:
    """Whether the content of a file has the SHA-256 in its name."""
    try:
        return path.stem.partition("-")[2] == file_sha256(path)
    except OSError:
        return False


def _store(built: Path, folder: Path, key: str) -> Path | None:
    """The path of the copy in the cache, in place of damaged ones; None if it cannot be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale_temporaries([folder])
        for path in _find_files(folder, key, built.suffix):
            if not _is_intact(path):
                _remove(path)
        target = folder / f"{key}-{file_sha256(built)}{built.suffix}"
        write_bytes(target, built.read_bytes())
    except OSError:
        return None
    return target


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):  # another process was faster
            path.unlink()
