"""The one way in which zerokd writes files: whole or not at all, whenever the process ends.

A file is written under a temporary name in the same folder, flushed, and renamed; then the folder is flushed, so that
the rename lasts too. Temporary names have a length of their own, so that a target may have the longest name that a
file system takes. What a killed process left is recognised by its name and removed by the next one that looks.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from zerokd.errors import OutputError

TEMPORARY_NAME = re.compile(r"\.zerokd-[0-9a-f]{16}-(?P<process>\d+)\.part(?:\.\w+)?")


def temporary_path(target: Path) -> Path:
    """Where this process writes what is to become ``target``. The suffix stays: encoders choose a format by it."""
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    suffix = target.suffix if re.fullmatch(r"\.\w{1,20}", target.suffix) else ""
    return target.with_name(f".zerokd-{digest}-{os.getpid()}.part{suffix}")


@contextmanager
def replacing(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary paths to write to; each takes the place of its target when the block ends without an exception.

    Raises:
        OSError: a file cannot be flushed or renamed; targets that were not replaced yet are as they were.
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
    """Put finished temporary files, by their targets, in place: flush all, rename all, flush their folders."""
    for path in temporary.values():
        _flush(path)
    for target, path in temporary.items():
        os.replace(path, target)
    for folder in {target.parent for target in temporary}:
        _flush(folder)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file by these bytes.

    Raises:
        OSError: it cannot be written; what stood there still does.
    """
    with replacing(path) as (temporary,):
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text, UTF-8; what cannot be encoded (a lone surrogate) is written as an escape.

    Raises:
        OutputError: it cannot be written; what stood there still does.
    """
    try:
        write_bytes(path, text.encode("utf-8", errors="backslashreplace"))
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def remove_stale_temporaries(folders: Iterable[Path]) -> None:
    """Remove what dead processes of this machine left in these folders under temporary names.

    Call it before this process writes there: a file under its own number is one of an earlier process that had the same
    number, as is usual in containers.
    """
    for folder in dict.fromkeys(folders):
        with suppress(OSError):
            for match in filter(None, map(TEMPORARY_NAME.fullmatch, os.listdir(folder))):
                process = int(match["process"])
                if process == os.getpid() or not is_running(process):
                    with suppress(OSError):
                        (folder / match.string).unlink()


def is_running(process_id: int) -> bool:
    """Whether a process of that number runs on this machine."""
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


def _flush(path: Path) -> None:
    """Make bytes or renames last; where a folder cannot be opened for that (Windows), its file system sees to it."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
