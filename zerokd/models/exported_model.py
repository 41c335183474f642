"""A frozen model from a file of torch.export."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from pydantic import Field
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.export.passes import move_to_device_pass
from torch.utils._pytree import tree_leaves

from zerokd.errors import WeightsError
from zerokd.exporters.silence import silence_exporters
from zerokd.files.consent import require_trust
from zerokd.models.model_file import ExampleNetwork, ModelFile, ModelFileConfig, ModelProgram


@final
class ExportedModel(ModelFile):
    """A frozen model from a file of ``torch.export``, ``.pt2``, which gradient passes to the image.

    The program takes the image and returns a tensor, which is ``enhanced``, a dict, whose keys name its tensors, or a
    tuple (``output_0``, ``output_1``, ...). A program for one size takes no other; one for any size was exported with
    ``dynamic_shapes``.
    Pitfalls: PyTorch reads such a file with unrestricted pickle: zerokd loads it only if ``ZEROKD_TRUSTED_FILES``
    lists its SHA-256, which no recipe can do. Another version of PyTorch may not read it.
    Source: PyTorch, torch.export.
    """

    class Config(ModelFileConfig):
        file: str = Field(min_length=1, description="the file; ~ is the home folder", examples=["teacher.pt2"])

    kind_of_file = "torch.export"

    def load(self, content: bytes, device: torch.device) -> ModelProgram:
        require_trust(self.path, hashlib.sha256(content).hexdigest())
        with silence_exporters():
            program = torch.export.load(io.BytesIO(content))
            if device.type != "cpu":
                program = move_to_device_pass(program, device)
        inputs = program.graph_signature.user_inputs
        images = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in inputs]
        if len(inputs) != 1 or len(images) != 1 or not isinstance(images[0], Tensor):
            raise WeightsError(f"{str(self.path)!r} takes {len(inputs)} inputs, not the image alone")
        module = program.module()
        module.requires_grad_(False)

        def run(image: Tensor) -> list[Tensor]:
            return list(tree_leaves(module(image)))

        shape = tuple(side if isinstance(side, int) else None for side in images[0].shape)
        return ModelProgram(run, _list_output_names(program), images[0].dtype, shape)

    @classmethod
    def write_example(cls, folder: Path) -> Mapping[str, Any]:
        path, axes = folder / "example.pt2", {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
        with silence_exporters():
            image = torch.zeros(2, 3, 8, 9)
            program = torch.export.export(ExampleNetwork(), (image,), dynamic_shapes=(axes,), strict=False)
            torch.export.save(program, path)
        return {"file": str(path)}


def _list_output_names(program: ExportedProgram) -> tuple[str, ...]:
    """The keys of a dict; otherwise empty strings, one for each tensor.

    Raises:
        ValueError: its outputs are nested, or not tensors alone.
    """
    spec, outputs = program.call_spec.out_spec, program.graph_signature.user_outputs
    if spec is None or len(outputs) != spec.num_leaves or spec.num_leaves != max(1, spec.num_children):
        raise ValueError("its outputs are not a tensor, or a tuple, list or dict of tensors")
    return tuple(map(str, spec.context)) if spec.type is dict else ("",) * spec.num_leaves
