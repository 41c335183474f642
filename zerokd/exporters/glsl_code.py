"""GLSL code for a traced program: passes over the image, with four channels in each texture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import define, field, frozen

from zerokd.exporters.c_text import format_float32
from zerokd.exporters.program_node import Node
from zerokd.exporters.traced_program import TracedProgram, UntraceableError

CHANNELS_PER_TEXTURE = 4
MAX_TEXTURES = 16  # that a pass can read, in WebGL 2 and everywhere else
TANH_LIMIT = "9.0"  # from there on tanh is 1 in float32; some drivers return NaN far beyond
GLSL_FORMULAS = {
    "relu": "max({0}, vec4(0.0))",
    "tanh": f"tanh(clamp({{0}}, vec4(-{TANH_LIMIT}), vec4({TANH_LIMIT})))",
    "sigmoid": f"vec4(0.5) + 0.5 * tanh(clamp(0.5 * {{0}}, vec4(-{TANH_LIMIT}), vec4({TANH_LIMIT})))",
    "neg": "-{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "strength": "clamp({0} * strength, vec4(-1.0), vec4(1.0))",
}


@frozen
class ShaderPass:
    """A pass that computes one texture from others.

    ``statements`` are declarations ``type name = expression;``, and ``result`` is an expression. ``name(x, y)`` reads
    an input texture x of its pixels to the right and y down. In a texture of twice the size it starts at the first of
    the four pixels that this one covers, in one of half the size at the pixel that covers this one. ``pixel`` is the
    column and row of this pixel, ``extent`` the width and height of the texture that is computed, and ``side`` 1 in odd
    columns or rows and -1 in even ones.

    Attributes:
        divisor: of the image's width and height, rounded up: 2 for a texture of half the size.
        repeats_border: outside of the image, textures have the nearest pixel's values; else 0.
    """

    output_texture: str
    input_textures: tuple[str, ...]
    statements: tuple[str, ...]
    result: str
    divisor: int = 1
    repeats_border: bool = False


def build_passes(program: TracedProgram) -> tuple[ShaderPass, ...]:
    """The passes in order. The first texture is the input (its node's name, with ``_0``), the last one the result.

    Raises:
        UntraceableError: the program concatenates within a texture, or a pass reads too many textures.
    """
    names = {program.enhanced} | {
        source_name for node in program.nodes.values() if node.kernel_radius for source_name in node.source_names
    }
    for node in program.nodes.values():
        if node.op == "cat" and any(
            program.nodes[source_name].channels % CHANNELS_PER_TEXTURE for source_name in node.source_names[:-1]
        ):
            raise UntraceableError(
                f"it concatenates tensors whose channels are not a multiple of {CHANNELS_PER_TEXTURE}"
            )
    stored_names = {program.low} | {part for name in names for part in _expand_concatenation(program, name)}
    passes = []
    for name, node in program.nodes.items():
        if name in stored_names and name != program.low:
            passes += [_build_pass(program, stored_names, node, index) for index in range(_count_textures(node))]
    return tuple(passes)


def _expand_concatenation(program: TracedProgram, name: str) -> Iterator[str]:
    node = program.nodes[name]
    if node.op != "cat":
        yield name
    else:
        for source_name in node.source_names:
            yield from _expand_concatenation(program, source_name)


def _count_textures(node: Node) -> int:
    return -(-node.channels // CHANNELS_PER_TEXTURE)


def _build_pass(program: TracedProgram, stored_names: set[str], node: Node, texture_index: int) -> ShaderPass:
    writer = PassWriter(program, stored_names - {node.name})
    result = writer.declare_value(node, texture_index)
    if len(writer.input_textures) > MAX_TEXTURES:
        raise UntraceableError(f"a pass reads {len(writer.input_textures)} textures; shaders can read {MAX_TEXTURES}")
    return ShaderPass(f"{node.name}_{texture_index}", tuple(writer.input_textures), tuple(writer.statements), result)


@define(eq=False)
class PassWriter:
    """Writes the statements of a pass. It declares values as expressions need them."""

    program: TracedProgram
    stored_names: set[str]
    input_textures: dict[str, None] = field(factory=dict)
    statements: list[str] = field(factory=list)
    variables: dict[tuple[str, int], str] = field(factory=dict)

    def declare_value(self, node: Node, texture_index: int) -> str:
        """The variable with four channels of a node."""
        if (node.name, texture_index) not in self.variables:
            expression = (
                " + ".join(self._convolution_products(node, texture_index))
                if node.op == "conv"
                else self._pointwise_expression(node, texture_index)
            )
            variable = self.variables[node.name, texture_index] = f"v{len(self.variables)}"
            self.statements.append(f"vec4 {variable} = {expression};")
        return self.variables[node.name, texture_index]

    def _convolution_products(self, node: Node, texture_index: int) -> Iterator[str]:
        channels = slice(texture_index * CHANNELS_PER_TEXTURE, (texture_index + 1) * CHANNELS_PER_TEXTURE)
        weight, source, radius = node.weight[channels], str(node.inputs[0]), node.kernel_radius
        yield _format_vec4(node.bias[channels])
        if node.groups > 1:
            for i, j in np.ndindex(weight.shape[2:]):
                read = self._read_texture(source, texture_index, i - radius, j - radius)
                yield f"{_format_vec4(weight[:, 0, i, j])} * {read}"
            return
        for source_index in range(-(-weight.shape[1] // CHANNELS_PER_TEXTURE)):
            block = weight[:, source_index * CHANNELS_PER_TEXTURE :][:, :CHANNELS_PER_TEXTURE]
            for i, j in np.ndindex(block.shape[2:]):
                read = self._read_texture(source, source_index, i - radius, j - radius)
                yield f"{_format_mat4(block[:, :, i, j])} * {read}"

    def _pointwise_expression(self, node: Node, texture_index: int) -> str:
        operands = [
            self._read_texture(operand, texture_index) if isinstance(operand, str) else format_float(operand)
            for operand in node.inputs
        ]
        return GLSL_FORMULAS[node.op].format(*operands)

    def _read_texture(self, source: str, texture_index: int, down: int = 0, right: int = 0) -> str:
        node = self.program.nodes[source]
        while node.op == "cat":
            for part in node.source_names:
                node = self.program.nodes[part]
                if texture_index < _count_textures(node):
                    break
                texture_index -= _count_textures(node)
        if node.name not in self.stored_names:
            return self.declare_value(node, texture_index)
        self.input_textures[f"{node.name}_{texture_index}"] = None
        return f"{node.name}_{texture_index}({right}, {down})"


def format_float(value: float) -> str:
    """A float32 as a literal, exact to the last bit."""
    return format_float32(value)[:-1]  # without C's suffix


def _format_vec4(values: np.ndarray) -> str:
    return f"vec4({', '.join(map(format_float, _pad_to_shape(values, (CHANNELS_PER_TEXTURE,))))})"


def _format_mat4(values: np.ndarray) -> str:
    """A matrix (outputs, inputs); GLSL writes matrices column by column."""
    padded = _pad_to_shape(values, (CHANNELS_PER_TEXTURE, CHANNELS_PER_TEXTURE))
    return f"mat4({', '.join(map(format_float, padded.T.ravel()))})"


def _pad_to_shape(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.pad(values, [(0, size - length) for size, length in zip(shape, values.shape, strict=True)])
