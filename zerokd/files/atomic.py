"""Atomic writes: an interrupted process leaves either the old file or the new one, never a part.

zerokd writes a temporary file in the same folder, flushes it, renames it, and flushes the folder, so that the rename
lasts too. Temporary names have a fixed length, so that a target may have the longest name that a file system takes.
They identify the files of killed processes: the next process of the same machine that writes into the folder removes
them.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from zerokd.errors import OutputError

TEMPORARY_NAME = re.compile(  # earlier versions left out the host
    r"\.zerokd-(?P<digest>[0-9a-f]{16})-(?:(?P<host>[0-9a-f]{8})-)?(?P<process>\d+)\.part(?:\.\w+)?"
)
_cleaned_folders: set[str] = set()  # by this process
_cleaning = threading.Lock()


def temporary_path(target: Path) -> Path:
    """The temporary file of this process for ``target``, with the same suffix: encoders choose a format by it."""
    digest = _name_digest(target)
    suffix = target.suffix if re.fullmatch(r"\.\w{1,20}", target.suffix) else ""
    return target.with_name(f".zerokd-{digest}-{host_digest()}-{os.getpid()}.part{suffix}")


@contextmanager
def replacing(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary paths to write to; each replaces its target when the block ends without an exception.

    The first call for a folder removes the temporary files of dead processes there.

    Raises:
        OSError: a file cannot be flushed or renamed; targets that are not replaced yet stay as they were.
    """
    _clean_once(targets)
    temporary = {target: temporary_path(target) for target in targets}
    try:
        yield tuple(temporary.values())
        replace_files(temporary)
    finally:
        for path in temporary.values():
            with suppress(OSError):
                path.unlink()


def replace_files(temporary: Mapping[Path, Path]) -> None:
    """Replace targets by their finished temporary files: flush all, rename all, flush their folders."""
    for path in temporary.values():
        _flush(path)
    rename_files(temporary)


def rename_files(sources: Mapping[Path, Path]) -> None:
    """Rename files that are on disk already, by their targets, in order; then flush the folders."""
    for target, path in sources.items():
        os.replace(path, target)
    for folder in {target.parent for target in sources}:
        _flush(folder)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file by these bytes.

    Raises:
        OSError: the file cannot be written; an old one stays.
    """
    with replacing(path) as (temporary,):
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text in UTF-8, with escapes for characters that have no encoding (lone surrogates).

    Raises:
        OutputError: the file cannot be written; an old one stays.
    """
    try:
        write_bytes(path, text.encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def _name_digest(target: Path) -> str:
    return hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]


@cache
def host_digest() -> str:
    """Eight hex digits that identify this machine: process numbers mean nothing on another one."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def remove_stale_temporaries(
    folders: Iterable[Path], targets: Iterable[Path] | None = None, *, exclusive: bool = False
) -> None:
    """Remove the temporary files of dead processes of this machine from these folders.

    Call it before this process writes there: a file with its own number belongs to an earlier process of the same
    number, as is usual in containers.

    Args:
        targets: remove their files alone, of any machine's processes.
        exclusive: no other machine writes to these folders, so that files of other machines are stale too.
    """
    selected = None if targets is None else {(target.parent, _name_digest(target)) for target in targets}
    for folder in dict.fromkeys(folders):

        def is_selected(match: re.Match[str], folder: Path = folder) -> bool:
            if selected is not None:
                return (folder, match["digest"]) in selected
            return exclusive or _is_of_this_host(match)

        _remove_stale(folder, is_selected)


def _is_of_this_host(match: re.Match[str]) -> bool:
    return match["host"] in (None, host_digest())


def _clean_once(targets: Sequence[Path]) -> None:
    """Remove stale temporary files from the targets' folders, once in the life of this process."""
    with _cleaning:
        for target in targets:
            folder = target.parent
            if os.path.abspath(folder) not in _cleaned_folders:
                _cleaned_folders.add(os.path.abspath(folder))
                names = {_name_digest(target) for target in targets if target.parent == folder}

                def is_selected(match: re.Match[str], names: set[str] = names) -> bool:
                    return _is_of_this_host(match) or match["digest"] in names

                _remove_stale(folder, is_selected)


def _remove_stale(folder: Path, is_selected: Callable[[re.Match[str]], bool]) -> None:
    with suppress(OSError):
        for match in filter(None, map(TEMPORARY_NAME.fullmatch, os.listdir(folder))):
            process = int(match["process"])
            if is_selected(match) and (process == os.getpid() or not is_running(process)):
                with suppress(OSError):
                    (folder / match.string).unlink()


def is_running(process_id: int) -> bool:
    """Whether a process of that number runs on this machine."""
    if os.name == "nt":  # signal 0 is Ctrl-C there
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True


def _flush(path: Path) -> None:
    """Flush a file, or the renames in a folder, to disk; Windows cannot open folders, and flushes renames itself."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
