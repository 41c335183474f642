"""torch.export: a program for PyTorch that runs without zerokd."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch.export import Dim

from zerokd import Exporter, Model
from zerokd.exporters.metadata import build_metadata
from zerokd.exporters.onnx import EXAMPLE_SIZE
from zerokd.exporters.silence import silence_exporters

PT2_METADATA_FILE = "zerokd.json"
MIN_DYNAMIC_SIZE = 2  # from which torch.export treats a size as dynamic; such a program takes 1, too


@final
class Pt2(Exporter):
    """Writes ``student.pt2``: ``torch.export.load(path).module()(low)["enhanced"]``, any N, H and W.

    Its extra file ``zerokd.json`` holds description and provenance.
    Source: PyTorch, torch.export.
    Pitfalls: it refuses a model whose program takes no image of one row or column, such as ``auto_exposure``; use
    ``torchscript`` or ``onnx``.
    """

    suffix = ".pt2"

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        axes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
        with silence_exporters(), torch.no_grad():
            program = torch.export.export(
                model, (torch.zeros(2, 3, *EXAMPLE_SIZE),), dynamic_shapes=(axes,), strict=False
            )
            least = max(int(limits.lower) for limits in program.range_constraints.values())
            if least > MIN_DYNAMIC_SIZE:
                raise ValueError(f"torch.export restricts it to images of at least {least} rows and columns")
            torch.export.save(
                program, path, extra_files={PT2_METADATA_FILE: json.dumps(build_metadata(model, facts), sort_keys=True)}
            )

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        with silence_exporters():
            module = torch.export.load(path).module()
        return lambda low: module(torch.from_numpy(low))["enhanced"].detach().numpy()
