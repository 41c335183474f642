"""The file of LiteRT, which was TensorFlow Lite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from zerokd import Exporter, Model
from zerokd.exporters.metadata import build_metadata
from zerokd.exporters.traced_program import trace_model
from zerokd_litert.operators import build_flatbuffer

LOW, ENHANCED = "low", "enhanced"


@final
class LiteRt(Exporter):
    """Writes ``student.tflite``: images (N, H, W, 3) in [0, 1] from ``low`` to ``enhanced``; resize the input first.

    Description and provenance are in its metadata, ``zerokd``. zerokd checks the file with LiteRT on the CPU.
    Source: the format of LiteRT, with its own code for flatbuffers; no converter is involved.
    Pitfalls: models of 1x1 and 3x3 convolutions and pointwise arithmetic; not ``auto_exposure``, which measures the
    whole image by sorting and counting.
    """

    suffix = ".tflite"

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        path.write_bytes(build_flatbuffer(trace_model(model), build_metadata(model, facts)))

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        enhance = open_interpreter(path)
        return lambda low: enhance(np.ascontiguousarray(low.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)


def open_interpreter(path: Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """The function of a file on the CPU, from (N, H, W, 3) to (N, H, W, 3).

    Raises:
        ImportError: ai-edge-litert is not installed.
        ValueError: LiteRT cannot read the file.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    (low,), (enhanced,) = interpreter.get_input_details(), interpreter.get_output_details()

    def enhance(pixels: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(low["index"], pixels.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(low["index"], pixels)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(enhanced["index"]))

    return enhance
