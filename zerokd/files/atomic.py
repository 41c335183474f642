"""Atomic writes: an interrupted process leaves either the old file or the new one, never a part.

zerokd writes a temporary file in the same folder, flushes it, renames it, and flushes the folder, so that the rename
lasts too. Temporary names have a fixed length, so that a target may have the longest name that a file system takes.
Their names also identify the files of killed processes, which :func:`remove_stale_temporaries` removes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from zerokd.errors import OutputError

TEMPORARY_NAME = re.compile(r"\.zerokd-(?P<digest>[0-9a-f]{16})-(?P<process>\d+)\.part(?:\.\w+)?")


def temporary_path(target: Path) -> Path:
    """The temporary file of this process for ``target``, with the same suffix: encoders choose a format by it."""
    digest = _name_digest(target)
    suffix = target.suffix if re.fullmatch(r"\.\w{1,20}", target.suffix) else ""
    return target.with_name(f".zerokd-{digest}-{os.getpid()}.part{suffix}")


@contextmanager
def replacing(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary paths to write to; each replaces its target when the block ends without an exception.

    Raises:
        OSError: a file cannot be flushed or renamed; targets that are not replaced yet stay as they were.
    """
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


def remove_stale_temporaries(folders: Iterable[Path], targets: Iterable[Path] | None = None) -> None:
    """Remove the temporary files of dead processes of this machine from these folders.

    Call it before this process writes there: a file with its own number belongs to an earlier process of the same
    number, as is usual in containers. With ``targets`` only theirs are removed: the process of another file may run on
    another machine that shares the folder.
    """
    selected = None if targets is None else {(target.parent, _name_digest(target)) for target in targets}
    for folder in dict.fromkeys(folders):
        with suppress(OSError):
            for match in filter(None, map(TEMPORARY_NAME.fullmatch, os.listdir(folder))):
                process = int(match["process"])
                is_ours = selected is None or (folder, match["digest"]) in selected
                if is_ours and (process == os.getpid() or not is_running(process)):
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
