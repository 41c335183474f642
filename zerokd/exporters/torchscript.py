"""TorchScript: for programs that link LibTorch, also older versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from zerokd import Exporter, Model
from zerokd.exporters.metadata import build_metadata
from zerokd.exporters.onnx import EXAMPLE_SIZE
from zerokd.exporters.silence import silence_exporters

TORCHSCRIPT_METADATA_FILE = "zerokd.json"


@final
class TorchScript(Exporter):
    """Writes ``student.pt``: ``torch.jit.load(path)(low)`` is the enhanced image, any N, H and W.

    Its extra file ``zerokd.json`` holds description and provenance.
    Source: PyTorch, torch.jit, which it no longer develops; ``pt2`` is its successor.
    Pitfalls: it records one run of the model. zerokd checks other sizes, and refuses a model that computes sizes in
    Python: the file would contain those of the recorded run.
    """

    suffix = ".pt"
    known_failures = {"same_bytes": "PyTorch numbers its classes anew in each file that a process writes"}

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        with silence_exporters(), torch.no_grad():
            script = torch.jit.trace(_EnhancedOnly(model).eval(), torch.zeros(2, 3, *EXAMPLE_SIZE), check_trace=False)
            torch.jit.save(
                script,
                path,
                _extra_files={TORCHSCRIPT_METADATA_FILE: json.dumps(build_metadata(model, facts), sort_keys=True)},
            )

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        with silence_exporters():
            module = torch.jit.load(path)
        return lambda low: module(torch.from_numpy(low)).detach().numpy()


class _EnhancedOnly(nn.Module):
    def __init__(self, model: Model):
        super().__init__()
        self.model = model

    def forward(self, low: Tensor) -> Tensor:
        return self.model(low)["enhanced"]
