"""The file of LiteRT, which was TensorFlow Lite."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from zerokd import Exporter, Model
from zerokd.exporters.metadata import build_metadata
from zerokd.exporters.pixel_program import measure_state, trace_pixels
from zerokd.exporters.traced_program import trace_model
from zerokd.models.auto_exposure import AutoExposure
from zerokd_litert.operators import build_flatbuffer


@final
class LiteRt(Exporter):
    """Writes ``student.tflite``: images (N, H, W, 3) in [0, 1] from ``low`` to ``enhanced``; resize the input first.

    Description and provenance are in its metadata, ``zerokd``. zerokd checks the file with LiteRT on the CPU.
    For ``auto_exposure`` it computes the pixels of one image (1, H, W, 3) with even sides, from what was measured on
    the whole image: ``state`` (1, 1, 1, 8), ``slope`` and ``offset`` (1, 64, 64, 1) are copies of the struct that the
    measuring function of the format ``c`` fills; in a video its ``follow`` moves them over time. The check takes them
    from PyTorch.
    Source: the format of LiteRT, with its own code for flatbuffers; no converter is involved.
    Pitfalls: ``auto_exposure``, and models of 1x1 and 3x3 convolutions and pointwise arithmetic.
    """

    suffix = ".tflite"

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        program = trace_pixels(model) if isinstance(model, AutoExposure) else trace_model(model)
        path.write_bytes(build_flatbuffer(program, build_metadata(model, facts)))

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        enhance, exposure = open_interpreter(path), read_metadata(path).get("exposure")
        if exposure is None:
            return lambda low: enhance(low=np.ascontiguousarray(low.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)

        def enhance_image(image: np.ndarray) -> np.ndarray:
            inputs = {
                name: np.ascontiguousarray(array.transpose(1, 2, 0)[None])
                for name, array in measure_state(image, exposure).items()
            }
            return enhance(**inputs)[0].transpose(2, 0, 1)[:, : image.shape[1], : image.shape[2]]

        return lambda low: np.stack([enhance_image(image) for image in low])


def open_interpreter(path: Path, threads: int = 1) -> Callable[..., np.ndarray]:
    """The function of a file on the CPU, from its inputs by name, such as ``low`` (N, H, W, 3), to (N, H, W, 3).

    Raises:
        ImportError: ai-edge-litert is not installed.
        ValueError: LiteRT cannot read the file.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    numbers = {details["name"]: details["index"] for details in interpreter.get_input_details()}
    (enhanced,) = interpreter.get_output_details()

    def enhance(**inputs: np.ndarray) -> np.ndarray:
        for name, number in numbers.items():
            interpreter.resize_tensor_input(number, inputs[name].shape)
        interpreter.allocate_tensors()
        for name, number in numbers.items():
            interpreter.set_tensor(number, inputs[name])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(enhanced["index"]))

    return enhance


def read_metadata(path: Path) -> dict[str, Any]:
    """What :func:`zerokd.exporters.metadata.build_metadata` stored in the file as ``zerokd``; empty without it.

    Raises:
        ImportError: ai-edge-litert is not installed.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    buffers = [entry.buffer for entry in model.metadata or () if entry.name == b"zerokd"]
    return json.loads(bytes(model.buffers[buffers[0]].data)) if buffers else {}
