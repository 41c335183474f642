"""A frozen model from a TorchScript file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from pydantic import Field
from torch import Tensor

from zerokd.errors import WeightsError
from zerokd.exporters.silence import silence_exporters
from zerokd.files.consent import require_trust
from zerokd.models.model_file import ENHANCED, ExampleNetwork, ModelFile, ModelFileConfig, ModelProgram, find_dtype


@final
class TorchScriptModel(ModelFile):
    """A frozen model from a TorchScript file, ``.pt``, which gradient passes to the image.

    ``forward`` takes the image and returns a tensor, which is ``enhanced``, a tuple (``output_0``, ``output_1``, ...)
    or a dict; ``outputs`` names tensors of a tuple, and lists the keys of a dict that terms may read.
    Pitfalls: such a file holds a program, which can read and write files: zerokd loads it only if
    ``ZEROKD_TRUSTED_FILES`` lists its SHA-256, which no recipe can do.
    Source: PyTorch, torch.jit, which it no longer develops.
    """

    class Config(ModelFileConfig):
        file: str = Field(min_length=1, description="the file; ~ is the home folder", examples=["teacher.pt"])

    kind_of_file = "TorchScript"
    known_failures = {"compiles": "torch.compile does not take TorchScript"}

    def load(self, content: bytes, device: torch.device) -> ModelProgram:
        require_trust(self.path, hashlib.sha256(content).hexdigest())
        with silence_exporters():
            script = torch.jit.load(io.BytesIO(content), map_location=device).eval()
        for parameter in script.parameters():
            parameter.requires_grad_(False)
        schema = script.forward.schema
        required = [argument.name for argument in schema.arguments[1:] if not argument.has_default_value()]
        if len(required) > 1 or len(schema.arguments) < 2:
            raise WeightsError(f"{str(self.path)!r} takes {', '.join(required) or 'nothing'}, not the image alone")
        kind = schema.returns[0].type
        is_dict = kind.kind() == "DictType"
        count = len(kind.elements()) if kind.kind() == "TupleType" else 1
        names = self.config.outputs if is_dict and self.config.outputs else (ENHANCED,) if is_dict else ("",) * count

        def run(image: Tensor) -> list[Tensor]:
            # the optimizing executor changes the program, and last bits, after the first runs
            with torch.jit.optimized_execution(False):
                returned = script(image)
            if is_dict:
                return [returned[name] for name in names]
            return [*returned] if isinstance(returned, tuple) else [returned]

        return ModelProgram(run, tuple(names), find_dtype(script.parameters()))

    @classmethod
    def write_example(cls, folder: Path) -> Mapping[str, Any]:
        path = folder / "example.pt"
        with silence_exporters():
            torch.jit.save(torch.jit.trace(ExampleNetwork(), torch.zeros(1, 3, 8, 8)), path)
        return {"file": str(path)}
