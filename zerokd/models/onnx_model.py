"""A frozen model from an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from pydantic import Field
from torch import Tensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from zerokd.errors import Problem, RecipeError, WeightsError
from zerokd.files.scratch import scratch_folder
from zerokd.models.model_file import ModelFile, ModelFileConfig, ModelProgram

DTYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16, "tensor(double)": torch.float64}
EXTERNAL_DATA_OPTION = "session.model_external_initializers_file_folder_path"
OUTSIDE = "ONNX Runtime computes outside of PyTorch"


@final
class OnnxModel(ModelFile):
    """A frozen model from an ``.onnx`` file, which ONNX Runtime runs on the CPU, wherever the images are.

    The file takes images (N, 3, H, W) and returns tensors; its only output, or the one that is called ``enhanced``, is
    the enhanced image. Its weights are inside: zerokd refuses a file with external data, whose bytes its SHA-256 would
    not cover. No gradient passes through it: zerokd refuses a term that needs one, as of
    ``teacher(student.enhanced)``; ``torchscript_model`` and ``exported_model`` pass it.
    Source: ONNX (onnx.ai) and ONNX Runtime; ``pip install 'zerokd[onnx]'`` installs both.
    """

    class Config(ModelFileConfig):
        file: str = Field(min_length=1, description="the file; ~ is the home folder", examples=["teacher.onnx"])

    kind_of_file = "ONNX"
    known_failures = {"no_host_sync": OUTSIDE, "moves": OUTSIDE, "compiles": OUTSIDE}

    def load(self, content: bytes, device: torch.device) -> ModelProgram:
        session = open_session(content)
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or inputs[0].type not in DTYPES:
            takes = ", ".join(f"{entry.name} {entry.type}" for entry in inputs)
            raise WeightsError(f"{str(self.path)!r} takes {takes or 'nothing'}, not one floating-point tensor")

        def run(image: Tensor) -> list[Tensor]:
            if get_proxy_mode() is not None:  # its values would become constants of the traced program
                raise NotImplementedError(f"{OUTSIDE}, and cannot be traced")
            values = session.run(None, {inputs[0].name: image.detach().cpu().contiguous().numpy()})
            return [torch.from_numpy(value).to(image.device) for value in values]

        shape = tuple(side if isinstance(side, int) else None for side in inputs[0].shape)
        return ModelProgram(run, tuple(entry.name for entry in outputs), DTYPES[inputs[0].type], shape)

    @classmethod
    def write_example(cls, folder: Path) -> Mapping[str, Any]:
        from onnx import TensorProto, helper, save

        low, enhanced = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("low", "enhanced")
        )
        graph = helper.make_graph([helper.make_node("Sqrt", ["low"], ["enhanced"])], "example", [low], [enhanced])
        path = folder / "example.onnx"
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
        return {"file": str(path)}


def open_session(content: bytes) -> Any:
    """An ONNX Runtime session on the CPU, with PyTorch's number of threads.

    Raises:
        RecipeError: onnxruntime is not installed.
        WeightsError: the file stores its weights outside.
    """
    try:
        import onnxruntime
    except ImportError as error:
        hint = "pip install 'zerokd[onnx]', or onnxruntime alone"
        text = "onnx_model needs onnxruntime, which is not installed"
        raise RecipeError(Problem(text, hints=(hint,), code="requires")) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        with scratch_folder() as empty_folder:  # otherwise it would look for external data in the working directory
            options.add_session_config_entry(EXTERNAL_DATA_OPTION, str(empty_folder))
            return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if str(empty_folder) not in str(error):
            raise
        hint = 'onnx.save(onnx.load("FILE"), "WHOLE.onnx") writes one file with everything'
        raise WeightsError(Problem("the file stores its weights in another file", hints=(hint,))) from error
