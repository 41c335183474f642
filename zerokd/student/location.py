"""The file that a person means by a student."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from zerokd.errors import WeightsError

BUNDLED = "bundled"
NAME = "nano_dce.safetensors"


def student_file(given: str | Path) -> Path:
    """``"bundled"`` is the student that ships in the package; a run folder means the student in it; ``~`` is the home.

    Raises:
        WeightsError: it is the home of a user who is not known.
    """
    if given == BUNDLED:
        return Path(str(files("zerokd.assets").joinpath(NAME)))
    try:
        path = Path(given).expanduser()
    except RuntimeError as fault:
        raise WeightsError(f"cannot find {str(given)!r}: {fault}") from fault
    inside = path / "student.safetensors"
    return inside if os.path.isfile(inside) else path  # unlike Path.is_file, never raises
