"""The path of a student's file."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from zerokd.errors import WeightsError

BUNDLED = "bundled"
BUNDLED_FILE_NAME = "nano_dce.safetensors"


def resolve_student_file(location: str | Path) -> Path:
    """The file of a student, given by its path, its run folder, or ``"bundled"``, the one in the package.

    ``~`` is the home folder.

    Raises:
        WeightsError: no such user has a home folder.
    """
    if location == BUNDLED:
        return Path(str(files("zerokd.assets").joinpath(BUNDLED_FILE_NAME)))
    try:
        path = Path(location).expanduser()
    except RuntimeError as error:
        raise WeightsError(f"cannot find {str(location)!r}: {error}") from error
    inside = path / "student.safetensors"
    return inside if os.path.isfile(inside) else path  # unlike Path.is_file, never raises
