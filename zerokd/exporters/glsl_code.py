"""GLSL for a program: passes over the image, four channels a texture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field, frozen

from zerokd.exporters.c_code import format_float32
from zerokd.exporters.traced_program import Node, TracedProgram, UntraceableError

CHANNELS_PER_TEXTURE = 4  # channels of a texture
MAX_TEXTURES = 16  # textures that a pass can read, in WebGL 2 and everywhere else
TANH_LIMIT = "9.0"  # from here on tanh is 1 in float32; some drivers give NaN far beyond
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
    """Computes texture ``saves`` from the textures in ``reads``.

    ``lines`` are declarations ``vec4 name = expression;`` and ``result`` is an expression. A texture is read as
    ``name(x, y)``, x and y pixels away; beyond the image lie zeros.
    """

    output_texture: str
    input_textures: tuple[str, ...]
    statements: tuple[str, ...]
    result: str


def build_passes(program: TracedProgram) -> tuple[ShaderPass, ...]:
    """The passes in order; the first texture is the input (``low_0`` by its node's name), the last one the result.

    Raises:
        UntraceableError: it concatenates within a texture, or a pass reads too many.
    """
    names = {program.enhanced} | {
        source_name for node in program.nodes.values() if node.kernel_radius for source_name in node.source_names
    }
    for node in program.nodes.values():
        if node.op == "cat" and any(
            program.nodes[source_name].channels % CHANNELS_PER_TEXTURE for source_name in node.source_names[:-1]
        ):
            raise UntraceableError(f"it concatenates tensors whose channels are no multiple of {CHANNELS_PER_TEXTURE}")
    kept = {program.low} | {part for name in names for part in _expand_concatenation(program, name)}
    found = []
    for name, node in program.nodes.items():
        if name in kept and name != program.low:
            found += [_build_pass(program, kept, node, group) for group in range(_count_textures(node))]
    return tuple(found)


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
        raise UntraceableError(f"a pass of it reads {len(writer.input_textures)} textures; {MAX_TEXTURES} are possible")
    return ShaderPass(f"{node.name}_{texture_index}", tuple(writer.input_textures), tuple(writer.statements), result)


@frozen(eq=False)
class PassWriter:
    """The statements of one pass; values are declared as they are met."""

    program: TracedProgram
    stored_names: set[str]
    input_textures: dict[str, None] = field(factory=dict)
    statements: list[str] = field(factory=list)
    variables: dict[tuple[str, int], str] = field(factory=dict)

    def declare_value(self, node: Node, texture_index: int) -> str:
        """A name for four channels of a node."""
        if (node.name, texture_index) not in self.variables:
            text = (
                " + ".join(self._convolution_products(node, texture_index))
                if node.op == "conv"
                else self._pointwise_expression(node, texture_index)
            )
            self.variables[node.name, texture_index] = f"v{len(self.variables)}"
            self.statements.append(f"vec4 {self.variables[node.name, texture_index]} = {text};")
        return self.variables[node.name, texture_index]

    def _convolution_products(self, node: Node, texture_index: int) -> Iterator[str]:
        yield _format_vec4(node.bias[texture_index * CHANNELS_PER_TEXTURE :][:CHANNELS_PER_TEXTURE])
        source = str(node.inputs[0])
        if node.groups > 1:
            kernel = node.weight[texture_index * CHANNELS_PER_TEXTURE :][:CHANNELS_PER_TEXTURE, 0]
            for i, j in np.ndindex(kernel.shape[1:]):
                yield f"{_format_vec4(kernel[:, i, j])} * {self._read_texture(source, texture_index, i - node.kernel_radius, j - node.kernel_radius)}"
            return
        rows = node.weight[texture_index * CHANNELS_PER_TEXTURE :][:CHANNELS_PER_TEXTURE]
        for number_of in range(-(-rows.shape[1] // CHANNELS_PER_TEXTURE)):
            block = rows[:, number_of * CHANNELS_PER_TEXTURE :][:, :CHANNELS_PER_TEXTURE]
            for i, j in np.ndindex(block.shape[2:]):
                read = self._read_texture(source, number_of, i - node.kernel_radius, j - node.kernel_radius)
                yield f"{_format_mat4(block[:, :, i, j])} * {read}"

    def _pointwise_expression(self, node: Node, texture_index: int) -> str:
        given = [
            self._read_texture(one, texture_index) if isinstance(one, str) else format_float32(one)[:-1]
            for one in node.inputs
        ]
        return GLSL_FORMULAS[node.op].format(*given)

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


def _format_vec4(values: np.ndarray) -> str:
    return f"vec4({', '.join(format_float32(one)[:-1] for one in _pad_to_shape(values, (CHANNELS_PER_TEXTURE,)))})"


def _format_mat4(values: np.ndarray) -> str:
    """Of (outputs, inputs); GLSL writes matrices column by column."""
    return f"mat4({', '.join(format_float32(one)[:-1] for one in _pad_to_shape(values, (CHANNELS_PER_TEXTURE, CHANNELS_PER_TEXTURE)).T.ravel())})"


def _pad_to_shape(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.pad(values, [(0, full - had) for full, had in zip(shape, values.shape, strict=True)])
