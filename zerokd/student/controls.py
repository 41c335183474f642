"""Controls of a student: numbers of its model's config that a user may change after training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zerokd.errors import Problem, WeightsError
from zerokd.student.stored import store_student

CONTROLS = ("exposure", "denoise")
SIZE_BYTES = 8  # of the header, at the start of a safetensors file
METADATA, FACTS = "__metadata__", "zerokd"


def apply_controls(file: Path, controls: Mapping[str, float | None]) -> Path:
    """The file of a student with these controls in its config; ``file`` itself where none is set.

    The new file lies in the cache. Its tensors are those of ``file``, to the byte.

    Raises:
        WeightsError: it is not a student's file, or its model has no such control.
    """
    changes = {name: value for name, value in controls.items() if value is not None}
    if not changes:
        return file
    try:
        content = file.read_bytes()
        end = SIZE_BYTES + int.from_bytes(content[:SIZE_BYTES], "little")
        header: dict[str, Any] = json.loads(content[SIZE_BYTES:end])
        facts: dict[str, Any] = json.loads(header[METADATA][FACTS])
        config: dict[str, Any] = facts["architecture"]["config"]
        missing = [name for name in changes if name not in config]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise WeightsError(f"{str(file)!r} is not a student's file: {str(error).splitlines()[0][:100]}") from error
    if missing:
        available = ", ".join(name for name in CONTROLS if name in config) or "none but strength"
        hint = f"its controls: {available}; the student `best` has {' and '.join(CONTROLS)}"
        raise WeightsError(Problem(f"{str(file)!r} has no control {missing[0]!r}", hints=(hint,)))
    config.update(changes)
    header[METADATA][FACTS] = json.dumps(facts, sort_keys=True)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % SIZE_BYTES)  # tensors are aligned
    return store_student(len(text).to_bytes(SIZE_BYTES, "little") + text + content[end:])
