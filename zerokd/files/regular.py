"""Regular files alone: opening a FIFO or a device would wait for another program, perhaps for ever."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: str | Path) -> BufferedReader:
    """Open a file for reading in bytes.

    Raises:
        OSError: it cannot be read, is a folder, or is no regular file.
        ValueError: there is a NUL in the name.
    """
    descriptor = os.open(path, os.O_RDONLY | NO_WAIT)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def read_regular(path: str | Path) -> bytes:
    """The content of a file.

    Raises:
        OSError, ValueError: as :func:`open_regular`.
    """
    with open_regular(path) as file:
        return file.read()
