"""Scratch folders: private to a process, and removed by a later one if that process was killed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zerokd.files.atomic import host_digest, is_running

SCRATCH_NAME = re.compile(r"\.zerokd-(?P<host>[0-9a-f]{8})-(?P<process>\d+)-\w{8}")
TEMPORARY_FOLDER_VARIABLES = ("TMPDIR", "TEMP", "TMP")  # where programs of POSIX and Windows put temporary files
_open_folders: set[Path] = set()  # of this process


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder for temporary files, removed at the end. Folders of killed processes are removed first.

    ``parent`` is by default the system's folder for temporary files.

    Raises:
        OSError: there is no such folder, or it cannot be written.
    """
    parent = parent or Path(tempfile.gettempdir())
    _remove_stale_folders(parent)
    path = Path(tempfile.mkdtemp(prefix=f".zerokd-{host_digest()}-{os.getpid()}-", dir=parent))
    _open_folders.add(path)
    try:
        yield path
    finally:
        _open_folders.discard(path)
        shutil.rmtree(path, ignore_errors=True)


def scratch_environment(folder: Path) -> dict[str, str]:
    """This process's environment for a program whose own temporary files go into ``folder``, so that none outlives
    it."""
    return {**os.environ, **dict.fromkeys(TEMPORARY_FOLDER_VARIABLES, str(folder))}


def _remove_stale_folders(parent: Path) -> None:
    """Remove the scratch folders of this user's dead processes on this machine; one with this process's number is of
    an earlier process."""
    with suppress(OSError):
        for match in filter(None, map(SCRATCH_NAME.fullmatch, os.listdir(parent))):
            path, process = parent / match.string, int(match["process"])
            is_stale = path not in _open_folders if process == os.getpid() else not is_running(process)
            if is_stale and match["host"] == host_digest() and _is_own_folder(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_own_folder(path: Path) -> bool:
    """Whether it is a folder, no link, of this user."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (os.name == "nt" or status.st_uid == os.getuid())
