"""The file of Core ML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from zerokd import Exporter, Model
from zerokd.exporters.metadata import build_metadata
from zerokd.exporters.program_node import Node
from zerokd.exporters.silence import silence_exporters
from zerokd.exporters.traced_program import trace_model
from zerokd_coreml.interpreter import run_layers

LOW, ENHANCED = "low", "enhanced"
EXAMPLE_SIZE = (32, 48)  # any other is allowed too
SIZE_RANGE = ([1, 3, 1, 1], [-1, 3, -1, -1])
ACTIVATIONS = {"relu": "RELU", "tanh": "TANH", "sigmoid": "SIGMOID"}
FLOAT32 = 65568  # the code of an array's type


@final
class CoreMl(Exporter):
    """Writes ``student.mlmodel``, a neural network of Core ML: images (N, 3, H, W) in [0, 1] from ``low`` to
    ``enhanced``, any size.

    Description and provenance are in its metadata. Core ML runs on systems of Apple alone. To check the file, zerokd
    reads it again and evaluates its layers on arrays, as Apple's documentation describes them.
    Source: the network builder of coremltools; its conversion of PyTorch's programs is not involved.
    Pitfalls: it was never run in Core ML. Models of 1x1 and 3x3 convolutions and pointwise arithmetic; not
    ``auto_exposure``, which measures the whole image by sorting and counting. Core ML computes in 16 bits on some
    processors.
    """

    suffix = ".mlmodel"

    def write(self, model: Model, path: Path, facts: Mapping[str, Any]) -> None:
        program, metadata = trace_model(model), build_metadata(model, facts)
        with silence_exporters():  # coremltools warns of each part that only Apple's systems have
            from coremltools.models import datatypes
            from coremltools.models.neural_network import NeuralNetworkBuilder, flexible_shape_utils

            low = (LOW, datatypes.Array(1, 3, *EXAMPLE_SIZE))
            builder = NeuralNetworkBuilder([low], [(ENHANCED, None)], disable_rank5_shape_mapping=True)
            names = {program.low: LOW, program.enhanced: ENHANCED}
            for node in list(program.nodes.values())[1:]:
                add_layer(builder, node, lambda name: names.get(name, f"value_{name}"))
            flexible_shape_utils.set_multiarray_ndshape_range(builder.spec, LOW, *SIZE_RANGE)
        description = builder.spec.description
        for feature in (*description.input, *description.output):
            feature.type.multiArrayType.dataType = FLOAT32
        description.metadata.shortDescription = metadata["description"]
        description.metadata.userDefined["zerokd"] = metadata["zerokd"]
        path.write_bytes(builder.spec.SerializeToString(deterministic=True))

    def run(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        with silence_exporters():
            from coremltools.proto import Model_pb2
        spec = Model_pb2.Model()
        spec.ParseFromString(path.read_bytes())
        return lambda low: run_layers(spec.neuralNetwork.layers, {LOW: low})[ENHANCED]


def add_layer(builder: Any, node: Node, rename: Callable[[str], str]) -> None:
    name, sources = rename(node.name), [rename(source) for source in node.source_names]
    numbers = [operand for operand in node.inputs if isinstance(operand, float)]
    if node.op == "conv":
        outputs, inputs, height, width = node.weight.shape
        weight = node.weight.transpose(2, 3, 1, 0)
        sizes = (inputs, outputs, height, width, 1, 1, "same", node.groups)
        builder.add_convolution(name, *sizes, weight, node.bias, True, input_name=sources[0], output_name=name)
    elif node.op in ACTIVATIONS:
        builder.add_activation(name, ACTIVATIONS[node.op], sources[0], name)
    elif node.op == "strength":  # at the trained strength
        builder.add_clip(name, sources[0], name, -1.0, 1.0)
    elif node.op == "cat":
        builder.add_concat_nd(name, sources, name, axis=1)
    elif node.op == "neg" or numbers:
        builder.add_activation(name, "LINEAR", sources[0], name, _find_line(node, *numbers))
    else:
        kind = {"add": "add", "sub": "subtract", "mul": "multiply"}[node.op]
        getattr(builder, f"add_{kind}_broadcastable")(name, sources, name)


def _find_line(node: Node, number: float = 0.0) -> list[float]:
    """Slope and offset of an operation with a number."""
    if node.op == "mul":
        return [number, 0.0]
    if node.op == "add":
        return [1.0, number]
    if node.op == "neg" or isinstance(node.inputs[0], float):
        return [-1.0, number]
    return [1.0, -number]
