"""The file that a person means by a student."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from zerokd.errors import WeightsError

BUNDLED = "bundled"
NAME = "nano_dce.safetensors"


def student_file(given: str | Path) -> Path:
    """``"bundled"`` is the student that ships in the package; ``~`` is the home folder.

    Raises:
        WeightsError: it is the home of a user who is not known.
    """
    if given == BUNDLED:
        return Path(str(files("zerokd.assets").joinpath(NAME)))
    try:
        return Path(given).expanduser()
    except RuntimeError as fault:
        raise WeightsError(f"cannot find {str(given)!r}: {fault}") from fault
