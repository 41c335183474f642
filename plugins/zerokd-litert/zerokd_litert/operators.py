"""LiteRT's operators for a traced program, in channels-last order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field

from zerokd.exporters.pixel_program import STATE_SIZES
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
    "resize": 23,
    "tanh": 28,
    "sub": 41,
    "div": 42,
    "part": 45,
    "exp": 47,
    "maximum": 55,
    "minimum": 57,
    "neg": 59,
    "slice": 65,
    "log": 73,
    "shape": 77,
    "border": 100,
}
VERSIONS = {"depthwise": 2, "resize": 3}  # with dilation; from the centres of pixels
OPTIONS = {  # the class of an operator's options; its number in the union is an attribute of BuiltinOptions
    "add": "AddOptions",
    "cat": "ConcatenationOptions",
    "conv": "Conv2DOptions",
    "depthwise": "DepthwiseConv2DOptions",
    "mul": "MulOptions",
    "sub": "SubOptions",
    "neg": "NegOptions",
    "div": "DivOptions",
    "exp": "ExpOptions",
    "maximum": "MaximumMinimumOptions",
    "minimum": "MaximumMinimumOptions",
    "slice": "SliceOptions",
    "part": "StridedSliceOptions",
    "shape": "ShapeOptions",
    "resize": "ResizeBilinearOptions",
    "border": "MirrorPadOptions",
}
CHANNEL_AXIS = 3
BORDER = [[0, 0], [1, 1], [1, 1], [0, 0]]  # pixels before and after, along each axis
SIZE_PART = {"first": 1, "end": 3, "step": 1}  # of a shape: height and width


@define(eq=False)
class _Graph:
    """Tensors, operators and buffers so far, with the module ``schema`` that has their classes."""

    schema: Any
    tensors: list[Any] = field(factory=list)
    operators: list[Any] = field(factory=list)
    codes: list[str] = field(factory=list)
    buffers: list[Any] = field(factory=list)
    sizes: dict[int, int] = field(factory=dict)  # of images whose height and width another one takes on

    def add_buffer(self, data: bytes) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8) if data else None
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def add_image(self, name: str, channels: int) -> int:
        return self._add_tensor(name, [1, 1, 1, channels], 0, signature=[-1, -1, -1, channels])

    def add_state(self, name: str) -> int:
        channels, height, width = STATE_SIZES[name]
        return self._add_tensor(name, [1, height, width, channels], 0)

    def add_constant(self, name: str, values: np.ndarray) -> int:
        data = np.ascontiguousarray(values, "<f4")
        return self._add_tensor(name, list(data.shape), self.add_buffer(data.tobytes()))

    def add_integers(self, name: str, values: Sequence[int] | np.ndarray) -> int:
        data = np.ascontiguousarray(values, "<i4")
        return self._add_tensor(name, list(data.shape), self.add_buffer(data.tobytes()), integers=True)

    def find_size(self, image: int) -> int:
        """The tensor of an image's height and width."""
        if image not in self.sizes:
            name = self.tensors[image].name
            shape = self._add_tensor(f"{name}_shape", [4], 0, integers=True)
            size = self._add_tensor(f"{name}_size", [2], 0, integers=True)
            self.add_operator("shape", [image], shape, outType=self.schema.TensorType.INT32)
            bounds = [self.add_integers(f"{name}_{key}", [value]) for key, value in SIZE_PART.items()]
            self.add_operator("part", [shape, *bounds], size)
            self.sizes[image] = size
        return self.sizes[image]

    def _add_tensor(
        self, name: str, shape: list[int], buffer: int, signature: list[int] | None = None, integers: bool = False
    ) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer, tensor.shapeSignature = name, shape, buffer, signature
        tensor.type = self.schema.TensorType.INT32 if integers else self.schema.TensorType.FLOAT32
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
        name = names.get(node.name, node.name)
        tensors[node.name] = graph.add_state(name) if node.op == "input" else graph.add_image(name, node.channels)
        if node.op not in ("low", "input"):
            _add_node(graph, node, tensors)
    inputs = [tensors[node.name] for node in program.nodes.values() if node.op in ("low", "input")]
    model = _assemble(graph, inputs, [tensors[program.enhanced]], metadata)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _add_node(graph: _Graph, node: Node, tensors: Mapping[str, int]) -> None:
    output = tensors[node.name]
    if node.op == "conv":
        _add_convolution(graph, node, tensors[node.source_names[0]], output)
    elif node.op == "resize":
        source, like = (tensors[name] for name in node.source_names)
        graph.add_operator("resize", [source, graph.find_size(like)], output, halfPixelCenters=True)
    elif node.op == "slice":
        first = graph.add_integers(f"{node.name}_first", [0, 0, 0, node.channel])
        size = graph.add_integers(f"{node.name}_size", [-1, -1, -1, node.channels])
        graph.add_operator("slice", [tensors[node.source_names[0]], first, size], output)
    else:
        inputs = [_find_operand(graph, node, operand, tensors) for operand in node.inputs]
        graph.add_operator(node.op, inputs, output, **({"axis": CHANNEL_AXIS} if node.op == "cat" else {}))


def _add_convolution(graph: _Graph, node: Node, source: int, output: int) -> None:
    for count in range(node.padding):  # each repeats the border once: to mirror two pixels would swap them
        amounts = graph.add_integers(f"{node.name}_amounts{count}", BORDER)
        padded = graph.add_image(f"{node.name}_padded{count}", graph.tensors[source].shape[CHANNEL_AXIS])
        graph.add_operator("border", [source, amounts], padded, mode=graph.schema.MirrorPadMode.SYMMETRIC)
        source = padded
    is_depthwise = node.groups > 1 or node.weight.shape[:2] == (1, 1)
    weight = graph.add_constant(
        f"{node.name}_weight", node.weight.transpose((1, 2, 3, 0) if is_depthwise else (0, 2, 3, 1))
    )
    bias = graph.add_constant(f"{node.name}_bias", node.bias)
    padding = graph.schema.Padding.VALID if node.repeats_border else graph.schema.Padding.SAME
    options = {"padding": padding, "strideW": node.stride, "strideH": node.stride}
    options |= {"dilationWFactor": node.dilation, "dilationHFactor": node.dilation}
    options |= {"depthMultiplier": 1} if is_depthwise else {}
    graph.add_operator("depthwise" if is_depthwise else "conv", [source, weight, bias], output, **options)


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
        code.version = VERSIONS.get(kind, 1)
        model.operatorCodes.append(code)
    return model
