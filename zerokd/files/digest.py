"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from zerokd.files.regular import open_regular


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hex."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
