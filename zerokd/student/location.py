"""The file that a person means by a student."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from zerokd.errors import WeightsError

BUNDLED = "bundled"
BUNDLED_FILE_NAME = "nano_dce.safetensors"


def resolve_student_file(location: str | Path) -> Path:
    """``"bundled"`` is the student that ships in the package; a run folder means the student in it; ``~`` is the home.

    Raises:
        WeightsError: it is the home of a user who is not known.
    """
    if location == BUNDLED:
        return Path(str(files("zerokd.assets").joinpath(BUNDLED_FILE_NAME)))
    try:
        path = Path(location).expanduser()
    except RuntimeError as error:
        raise WeightsError(f"cannot find {str(location)!r}: {error}") from error
    inside = path / "student.safetensors"
    return inside if os.path.isfile(inside) else path  # unlike Path.is_file, never raises
