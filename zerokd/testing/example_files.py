"""Files that a component needs to be checked: those that it writes itself, and a folder of photos."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from zerokd.files.consent import TRUST_VARIABLE
from zerokd.files.digest import file_sha256
from zerokd.files.scratch import scratch_folder

PHOTO_COUNT = 5


@contextmanager
def write_example_files(component: type[Any]) -> Iterator[Mapping[str, Any]]:
    """Write what a component needs into a temporary folder, and trust it if it is a program; yields config keys."""
    with scratch_folder() as folder:
        options = _write_files(component, folder)
        trusted = ",".join(file_sha256(path) for path in folder.rglob("*") if path.is_file())
        with patch.dict(os.environ, {TRUST_VARIABLE: trusted} if options else {}):
            yield options


def _write_files(component: type[Any], folder: Path) -> Mapping[str, Any]:
    """What the component writes; for a config that requires a ``path``, photos."""
    path = component.Config.model_fields.get("path")
    if path is None or not path.is_required():
        options: Mapping[str, Any] = component.write_example(folder)
        return options
    for number in range(PHOTO_COUNT):
        photo = np.random.default_rng(number).integers(0, 99, (50, 40, 3), np.uint8)
        Image.fromarray(photo).save(folder / f"{number}.png")
    return {"path": str(folder)}
