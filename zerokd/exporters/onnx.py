"""ONNX: for onnxruntime, mobile toolkits and accelerators."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

import zerokd
from zerokd import Exporter, Model
from zerokd.data.dead_leaves import DeadLeaves
from zerokd.errors import ExportError
from zerokd.exporters.metadata import build_metadata
from zerokd.exporters.onnx_graph import find_learned_layers, name_axes, remove_descriptions
from zerokd.exporters.silence import silence_exporters
from zerokd.files.scratch import scratch_folder

OPSET = 20
EXAMPLE_SIZE = (32, 48)  # of the image with which a model is traced
CALIBRATION_SCENES = 16  # generated images that determine the ranges of 8-bit values
LEVEL = 1 / 255
TOLERANCES = {"float32": 1e-5, "float16": 5e-3, "int8": 0.05}


@final
class Onnx(Exporter):
    """Writes one ``.onnx`` file: any N, H, W, all outputs of the model, provenance in its metadata.

    ``precision = "float16"`` halves the weights; ``"int8"`` quantises convolutions with ranges measured on generated
    scenes, and leaves the curve in float. Both change pixels, and zerokd prints by how much, and whether the file
    becomes larger. ``pixels = "uint8"`` takes and returns interleaved 8-bit pixels, (N, H, W, 3), as cameras have them,
    and only ``enhanced``. zerokd checks the file with ONNX Runtime.
    Source: PyTorch's exporter, and onnxruntime's tools for lower precision.
    """

    class Config(zerokd.Config):
        precision: Literal["float32", "float16", "int8"] = Field("float32", description="of weights and convolutions")
        pixels: Literal["float", "uint8"] = Field("float", description="float planes, or interleaved 8-bit pixels")
        tiles: bool = Field(False, description="refuse a model that measures the whole image: its file has no tiles")

    suffix = ".onnx"

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        rounding = LEVEL / 2 if self.config.pixels == "uint8" else 0.0
        return TOLERANCES[self.config.precision] + rounding

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        import onnx

        if self.config.tiles and model.measure is not None:
            raise ExportError("ONNX Runtime has no tiles for a model that measures the whole image")
        if self.config.pixels == "uint8":
            example = torch.zeros(2, *EXAMPLE_SIZE, 3, dtype=torch.uint8)
            onnx_model = _export_onnx(_Uint8Model(model), example, (1, 2), ["enhanced"])
        else:
            onnx_model = _export_onnx(model, torch.zeros(2, 3, *EXAMPLE_SIZE), (2, 3), list(model.outputs()))
        remove_descriptions(onnx_model)
        full_size = onnx_model.ByteSize()
        if self.config.precision == "float16":
            onnx_model = _convert_to_float16(onnx_model)
        elif self.config.precision == "int8":
            onnx_model = self._quantise(onnx_model, find_learned_layers(onnx_model, model))
        remove_descriptions(onnx_model)
        if (size := onnx_model.ByteSize()) > full_size:
            sizes = f"{size:,} bytes instead of {full_size:,}"
            text = f"{self.config.precision} makes the file larger, {sizes}: casts take more than weights give back"
            warnings.warn(text, stacklevel=2)
        onnx.helper.set_model_props(onnx_model, build_metadata(model, facts))
        onnx.checker.check_model(onnx_model, full_check=True)
        onnx.save(onnx_model, path)

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        session = open_session(path)
        if self.config.pixels == "float":
            return lambda low: np.asarray(session.run(["enhanced"], {"low": low})[0])
        return lambda low: (
            np.asarray(session.run(["enhanced"], {"low": _to_uint8(low)})[0]).transpose(0, 3, 1, 2)
            * (np.float32(LEVEL))
        )

    def _quantise(self, onnx_model: Any, learned_layers: list[str]) -> Any:
        from onnxruntime import quantization as q

        scenes = DeadLeaves(size=96, count=CALIBRATION_SCENES)
        images = [scenes[index][None].numpy() for index in range(CALIBRATION_SCENES)]
        feeds = iter([{"low": self._to_model_input(image)} for image in images])

        class Reader(q.CalibrationDataReader):
            def get_next(self) -> dict[str, np.ndarray] | None:
                return next(feeds, None)

        return _convert_through_file(
            onnx_model,
            lambda source, target: q.quantize_static(
                source,
                target,
                Reader(),
                op_types_to_quantize=["Conv"],
                nodes_to_quantize=learned_layers,
                per_channel=True,
                reduce_range=True,  # processors without VNNI add two products in 16 bits, which 8-bit weights overflow
                quant_format=q.QuantFormat.QDQ,
            ),
        )

    def _to_model_input(self, image: np.ndarray) -> np.ndarray:
        return image.transpose(0, 2, 3, 1) if self.config.pixels == "uint8" else image.astype(np.float32) / 255


class _Uint8Model(nn.Module):
    """The model on interleaved 8-bit pixels."""

    def __init__(self, model: Model):
        super().__init__()
        self.model = model

    def forward(self, low: Tensor) -> Tensor:
        enhanced: Tensor = self.model(low.permute(0, 3, 1, 2).float() / 255)["enhanced"]
        return (enhanced.permute(0, 2, 3, 1).clamp(0, 1) * 255).round().to(torch.uint8)


def open_session(path: Path, threads: int = 0) -> Any:
    """An ONNX Runtime session on the CPU; 0 threads stands for one on each core.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _to_uint8(low: np.ndarray) -> np.ndarray:
    return np.rint(low.transpose(0, 2, 3, 1) * 255).astype(np.uint8)


def _export_onnx(module: nn.Module, example: Tensor, dynamic_axes: tuple[int, int], outputs: list[str]) -> Any:
    axes = {0: torch.export.Dim.DYNAMIC, **dict.fromkeys(dynamic_axes, torch.export.Dim.DYNAMIC)}
    with silence_exporters():
        program = torch.onnx.export(
            module, (example,), dynamo=True, opset_version=OPSET, dynamic_shapes=(axes,), verbose=False,
            input_names=["low"], output_names=outputs,
        )  # fmt: skip
    assert program is not None
    onnx_model = program.model_proto
    name_axes(onnx_model, module, example, dynamic_axes)
    return onnx_model


def _convert_to_float16(onnx_model: Any) -> Any:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with silence_exporters():
        halved = OnnxModel(convert_float_to_float16(onnx_model, keep_io_types=True))
        halved.topological_sort()  # the conversion appends its casts
    return halved.model


def _convert_through_file(onnx_model: Any, convert: Callable[[str, str], None]) -> Any:
    import onnx

    with scratch_folder() as folder, silence_exporters():
        source, target = f"{folder}/source.onnx", f"{folder}/target.onnx"
        onnx.save(onnx_model, source)
        convert(source, target)
        return onnx.load(target)
