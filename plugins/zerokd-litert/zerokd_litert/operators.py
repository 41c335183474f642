"""LiteRT's operators for a traced program, in channels-last order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field

from zerokd.exporters.traced_program import Node, Operand, TracedProgram

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
BUILTIN = {  # codes of operators
    "add": 0,
    "cat": 2,
    "conv": 3,
    "depthwise": 4,
    "sigmoid": 14,
    "mul": 18,
    "relu": 19,
    "strength": 20,  # at the trained strength, a clamp to [-1, 1]
    "tanh": 28,
    "sub": 41,
    "neg": 59,
}
OPTIONS = {  # the class of an operator's options; its number in the union is an attribute of BuiltinOptions
    "add": "AddOptions",
    "cat": "ConcatenationOptions",
    "conv": "Conv2DOptions",
    "depthwise": "DepthwiseConv2DOptions",
    "mul": "MulOptions",
    "sub": "SubOptions",
    "neg": "NegOptions",
}
CHANNEL_AXIS = 3


@define(eq=False)
class _Graph:
    """Tensors, operators and buffers so far, with the module ``schema`` that has their classes."""

    schema: Any
    tensors: list[Any] = field(factory=list)
    operators: list[Any] = field(factory=list)
    codes: list[str] = field(factory=list)
    buffers: list[Any] = field(factory=list)

    def add_buffer(self, data: bytes) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8) if data else None
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def add_image(self, name: str, channels: int) -> int:
        return self._add_tensor(name, [1, 1, 1, channels], 0, signature=[-1, -1, -1, channels])

    def add_constant(self, name: str, values: np.ndarray) -> int:
        data = np.ascontiguousarray(values, "<f4")
        return self._add_tensor(name, list(data.shape), self.add_buffer(data.tobytes()))

    def _add_tensor(self, name: str, shape: list[int], buffer: int, signature: list[int] | None = None) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer, tensor.shapeSignature = name, shape, buffer, signature
        tensor.type = self.schema.TensorType.FLOAT32
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_operator(self, kind: str, inputs: Sequence[int], output: int, **options: int) -> None:
        if kind not in self.codes:
            self.codes.append(kind)
        operator = self.schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self.codes.index(kind), list(inputs), [output]
        if kind in OPTIONS:
            operator.builtinOptions = getattr(self.schema, f"{OPTIONS[kind]}T")()
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, OPTIONS[kind])
            for name, value in options.items():
                setattr(operator.builtinOptions, name, value)
        self.operators.append(operator)


def build_flatbuffer(program: TracedProgram, metadata: Mapping[str, str]) -> bytes:
    """The content of the file; ``metadata`` has a ``description``, and JSON that is stored as ``zerokd``.

    Raises:
        ImportError: ai-edge-litert is not installed.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph = _Graph(schema)
    graph.add_buffer(b"")  # number 0 is that of tensors without data
    names = {program.low: "low", program.enhanced: "enhanced"}
    tensors: dict[str, int] = {}
    for node in program.nodes.values():
        tensors[node.name] = graph.add_image(names.get(node.name, node.name), node.channels)
        if node.op != "low":
            _add_node(graph, node, tensors)
    model = _assemble(graph, [tensors[program.low]], [tensors[program.enhanced]], metadata)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _add_node(graph: _Graph, node: Node, tensors: Mapping[str, int]) -> None:
    output = tensors[node.name]
    if node.op == "conv":
        source, is_depthwise = tensors[node.source_names[0]], node.groups > 1
        order = (1, 2, 3, 0) if is_depthwise else (0, 2, 3, 1)
        weight = graph.add_constant(f"{node.name}_weight", node.weight.transpose(order))
        bias = graph.add_constant(f"{node.name}_bias", node.bias)
        options = {"padding": graph.schema.Padding.SAME, "strideW": 1, "strideH": 1}
        options |= {"dilationWFactor": 1, "dilationHFactor": 1}
        options |= {"depthMultiplier": 1} if is_depthwise else {}
        graph.add_operator("depthwise" if is_depthwise else "conv", [source, weight, bias], output, **options)
        return
    inputs = [_find_operand(graph, node, operand, tensors) for operand in node.inputs]
    graph.add_operator(node.op, inputs, output, **({"axis": CHANNEL_AXIS} if node.op == "cat" else {}))


def _find_operand(graph: _Graph, node: Node, operand: Operand, tensors: Mapping[str, int]) -> int:
    if isinstance(operand, float):
        return graph.add_constant(f"{node.name}_number", np.full(1, operand))
    return tensors[operand]


def _assemble(graph: _Graph, inputs: list[int], outputs: list[int], metadata: Mapping[str, str]) -> Any:
    schema = graph.schema
    subgraph, model, entry = schema.SubGraphT(), schema.ModelT(), schema.MetadataT()
    subgraph.name, subgraph.tensors, subgraph.operators = "student", graph.tensors, graph.operators
    subgraph.inputs, subgraph.outputs = inputs, outputs
    entry.name, entry.buffer = "zerokd", graph.add_buffer(metadata["zerokd"].encode())
    model.version, model.description, model.metadata = SCHEMA_VERSION, metadata["description"], [entry]
    model.subgraphs, model.buffers, model.operatorCodes = [subgraph], graph.buffers, []
    for kind in graph.codes:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = BUILTIN[kind]
        code.version = 1
        model.operatorCodes.append(code)
    return model
