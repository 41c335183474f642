"""A graph of LiteRT, tensor by tensor and operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field

from zerokd.exporters.pixel_program import STATE_SIZES

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
SIZE_PART = {"first": 1, "end": 3, "step": 1}  # of a shape: height and width


@define(eq=False)
class Graph:
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

    def add_integers(self, name: str, values: Any) -> int:
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

    def assemble(self, inputs: list[int], outputs: list[int], metadata: Mapping[str, str]) -> bytes:
        """The content of the file.

        Raises:
            ImportError: flatbuffers is not installed.
        """
        import flatbuffers

        subgraph, model, entry = self.schema.SubGraphT(), self.schema.ModelT(), self.schema.MetadataT()
        subgraph.name, subgraph.tensors, subgraph.operators = "student", self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = inputs, outputs
        entry.name, entry.buffer = "zerokd", self.add_buffer(metadata["zerokd"].encode())
        model.version, model.description, model.metadata = SCHEMA_VERSION, metadata["description"], [entry]
        model.subgraphs, model.buffers, model.operatorCodes = [subgraph], self.buffers, []
        for kind in self.codes:
            code = self.schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = BUILTIN[kind]
            code.version = VERSIONS.get(kind, 1)
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())
