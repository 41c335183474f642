"""TorchScript: for programs that link LibTorch, older ones too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from zerokd import Exporter, Model
from zerokd.exporters.onnx import EXAMPLE_SIZE, silence_exporters
from zerokd.exporters.metadata import build_metadata

TORCHSCRIPT_METADATA_FILE = "zerokd.json"


@final
class TorchScript(Exporter):
    """Writes ``student.pt``: ``torch.jit.load(path)(low)`` is the enhanced image, any N, H and W.

    Description and provenance lie in its extra file ``zerokd.json``.
    Source: PyTorch, torch.jit, which it no longer develops; ``pt2`` is what follows it.
    Pitfalls: it records one run of the model. A model that computes sizes in Python would have that run's sizes in it:
    the check, which tries other sizes, refuses it.
    """

    suffix = ".pt"
    known_failures = {"same_bytes": "PyTorch numbers the classes in it anew for each file that one process writes"}

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        with silence_exporters(), torch.no_grad():
            made = torch.jit.trace(_EnhancedOnly(model).eval(), torch.zeros(2, 3, *EXAMPLE_SIZE), check_trace=False)
            torch.jit.save(
                made,
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
