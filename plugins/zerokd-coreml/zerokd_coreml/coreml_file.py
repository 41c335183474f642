"""The file of Core ML."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from zerokd import Exporter, Model
from zerokd.exporters.metadata import build_metadata
from zerokd.exporters.pixel_program import STATE_SIZES, measure_state, trace_pixels
from zerokd.exporters.silence import silence_exporters
from zerokd.exporters.traced_program import TracedProgram, trace_model
from zerokd.models.auto_exposure import AutoExposure
from zerokd_coreml.interpreter import run_layers
from zerokd_coreml.layers import LOW, add_layer

ENHANCED = "enhanced"
EXAMPLE_SIZE = (32, 48)  # any other is allowed too
ANY_SIZE = ([1, 3, 1, 1], [-1, 3, -1, -1])  # of images: the least and the largest, -1 for no limit
SIZE_OF_ONE = ([1, 3, 2, 2], [1, 3, -1, -1])  # with even sides, which a range cannot demand
FLOAT32 = 65568  # the code of an array's type


@final
class CoreMl(Exporter):
    """Writes ``student.mlmodel``, a neural network of Core ML: images (N, 3, H, W) in [0, 1] from ``low`` to
    ``enhanced``, any size.

    Description and provenance are in its metadata. Core ML runs on systems of Apple alone. To check the file, zerokd
    reads it again and evaluates its layers on arrays, as Apple's documentation describes them.
    For ``auto_exposure`` it computes the pixels of one image (1, 3, H, W) with even sides, from what was measured on
    the whole image: ``state`` (1, 8, 1, 1), ``slope`` and ``offset`` (1, 1, 64, 64) are copies of the struct that the
    measuring function of the format ``c`` fills; in a video its ``follow`` moves them over time. The check takes them
    from PyTorch.
    Source: the network builder of coremltools; its conversion of PyTorch's programs is not involved.
    Pitfalls: it was never run in Core ML. ``auto_exposure``, and models of 1x1 and 3x3 convolutions and pointwise
    arithmetic. Core ML computes in 16 bits on some processors.
    """

    suffix = ".mlmodel"

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        if isinstance(model, AutoExposure):
            program, sizes = trace_pixels(model), SIZE_OF_ONE
        else:
            program, sizes = trace_model(model), ANY_SIZE
        metadata = build_metadata(model, facts)
        with silence_exporters():  # coremltools warns of each part that only Apple's systems have
            spec = _build_network(program, sizes)
        description = spec.description
        for feature in (*description.input, *description.output):
            feature.type.multiArrayType.dataType = FLOAT32
        description.metadata.shortDescription = metadata["description"]
        description.metadata.userDefined["zerokd"] = metadata["zerokd"]
        path.write_bytes(spec.SerializeToString(deterministic=True))

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        with silence_exporters():
            from coremltools.proto import Model_pb2
        spec = Model_pb2.Model()
        spec.ParseFromString(path.read_bytes())
        exposure = json.loads(spec.description.metadata.userDefined["zerokd"]).get("exposure")

        def enhance(low: np.ndarray, **state: np.ndarray) -> np.ndarray:
            return run_layers(spec.neuralNetwork.layers, {LOW: low, **state})[ENHANCED]

        def enhance_image(image: np.ndarray) -> np.ndarray:
            inputs = {name: array[None] for name, array in measure_state(image, exposure).items()}
            return enhance(**inputs)[0, :, : image.shape[1], : image.shape[2]]

        return enhance if exposure is None else lambda low: np.stack([enhance_image(image) for image in low])


def _build_network(program: TracedProgram, size_range: tuple[list[int], list[int]]) -> Any:
    """The model of coremltools, without metadata."""
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder, flexible_shape_utils

    states = [node.name for node in program.nodes.values() if node.op == "input"]
    inputs = [(LOW, datatypes.Array(1, 3, *EXAMPLE_SIZE))]
    inputs += [(name, datatypes.Array(1, *STATE_SIZES[name])) for name in states]
    builder = NeuralNetworkBuilder(inputs, [(ENHANCED, None)], disable_rank5_shape_mapping=True)
    names = {**dict(zip(states, states, strict=True)), program.low: LOW, program.enhanced: ENHANCED}
    for node in program.nodes.values():
        if node.op not in ("low", "input"):
            add_layer(builder, node, lambda name: names.get(name, f"value_{name}"))
    flexible_shape_utils.set_multiarray_ndshape_range(builder.spec, LOW, *size_range)
    return builder.spec
