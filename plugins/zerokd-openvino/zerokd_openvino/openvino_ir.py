"""OpenVINO's intermediate representation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from pydantic import Field

import zerokd
from zerokd import Exporter, Model
from zerokd.exporters.onnx import Onnx
from zerokd.files.scratch import scratch_folder

CPU_OPTIONS = {"INFERENCE_PRECISION_HINT": "f32"}  # else some processors compute in 16 bits
INTERFACE = ("Parameter", "Result")


@final
class OpenVino(Exporter):
    """Writes ``student.xml`` with the operations and ``student.bin`` with the weights: any N, H, W, all outputs.

    ``precision = "float16"`` halves the weights; OpenVINO computes with what the device has. Description and
    provenance are in the model's runtime information, ``framework``. zerokd checks the files with OpenVINO on the CPU,
    in float32.
    Source: OpenVINO's conversion of the file that ``onnx`` writes.
    Pitfalls: both files must stay together. A device may compute in 16 bits by default: set INFERENCE_PRECISION_HINT.
    """

    class Config(zerokd.Config):
        precision: Literal["float32", "float16"] = Field("float32", description="of the weights")

    suffix, companions = ".xml", (".bin",)

    @property
    def tolerance(self) -> float:  # type: ignore[override]
        return 1e-5 if self.config.precision == "float32" else 1e-2

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        import openvino

        with scratch_folder() as folder:
            source = folder / "student.onnx"
            Onnx().write(model, source, facts)
            program = openvino.Core().read_model(source)
        for index, operation in enumerate(program.get_ordered_ops()):
            if operation.get_type_name() not in INTERFACE:  # names hold a counter of the process
                operation.set_friendly_name(f"{operation.get_type_name()}_{index}")
        openvino.save_model(program, path, compress_to_fp16=self.config.precision == "float16")

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        program = open_program(path)
        return lambda low: np.array(program(low)["enhanced"])


def open_program(path: Path, threads: int = 0) -> Any:
    """The compiled program of a file on the CPU; 0 threads stands for one on each core.

    Raises:
        ImportError: openvino is not installed.
    """
    import openvino

    options = CPU_OPTIONS | ({"INFERENCE_NUM_THREADS": threads} if threads else {})
    return openvino.Core().compile_model(path, "CPU", options)
