"""Text files, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from zerokd.errors import OutputError


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text, through a temporary one beside it.

    Raises:
        OutputError: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        fresh.unlink(missing_ok=True)
