"""An interpreter of shader passes on arrays, which checks the very text that a graphics card gets."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from attrs import field, frozen

from zerokd.exporters.glsl_code import CHANNELS_PER_TEXTURE, ShaderPass

Array = np.ndarray  # (channels, height, width), each 1 or more
OPERATORS: Mapping[type, Callable[[Array, Array], Array]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "clamp": lambda value, least, most: np.minimum(np.maximum(value, least), most),
    "exp2": np.exp2,
    "floor": np.floor,
    "log2": np.log2,
    "max": np.maximum,
    "min": np.minimum,
    "mix": lambda first, second, share: first * (1 - share) + second * share,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}
SIZES = {"vec2": 2, "vec3": 3, "vec4": 4}
MATRICES = {"mat3": 3, "mat4": 4}
AXES = "xyzw"


def run_passes(
    shader_passes: Iterable[ShaderPass],
    low: Array,
    input_name: str,
    values: Mapping[str, Array | float],
    tables: Mapping[str, Array] | None = None,
) -> Array:
    """The result of the last pass, (3, H, W), for an image (3, H, W), float32.

    Args:
        input_name: the texture of the image.
        values: numbers and vectors that the passes read by name.
        tables: textures (channels, rows, columns) that they read by column and row.
    """
    alpha = np.ones((1, *low.shape[1:]), np.float32)
    textures, divisors = {input_name: np.concatenate([low, alpha])}, {input_name: 1}
    result = textures[input_name]
    known = {name: np.asarray(value, np.float32).reshape(-1, 1, 1) for name, value in values.items()}
    for shader_pass in shader_passes:
        height, width = (-(-size // shader_pass.divisor) for size in low.shape[1:])
        context = PassContext(shader_pass, (height, width), textures, divisors, tables or {}, dict(known))
        result = context.run()
        textures[shader_pass.output_texture] = np.broadcast_to(result, (CHANNELS_PER_TEXTURE, height, width))
        divisors[shader_pass.output_texture] = shader_pass.divisor
    return result[:3]


@frozen
class PassContext:
    """A pass with the textures and values that it reads."""

    shader_pass: ShaderPass
    size: tuple[int, int]  # rows, columns
    textures: Mapping[str, Array]
    divisors: Mapping[str, int]
    tables: Mapping[str, Array]
    values: dict[str, Array] = field()

    def run(self) -> Array:
        """The texture that the pass computes."""
        columns, rows = np.meshgrid(*(np.arange(count, dtype=np.float32) for count in reversed(self.size)))
        pixel = np.stack([columns, rows])
        extent = np.array(self.size[::-1], np.float32).reshape(2, 1, 1)
        self.values.update(pixel=pixel, side=pixel % 2 * 2 - 1, extent=extent)
        for statement in self.shader_pass.statements:
            declared, _, expression = statement.removesuffix(";").partition(" = ")
            self.values[declared.split()[1]] = self.evaluate(ast.parse(expression, mode="eval").body)
        return self.evaluate(ast.parse(self.shader_pass.result, mode="eval").body)

    def evaluate(self, node: ast.expr) -> Array:
        """The value of an expression in the grammar that GLSL and Python share."""
        match node:
            case ast.Constant(value=int() | float() as value):
                return np.float32(value).reshape(1, 1, 1)
            case ast.Name(id=name):
                return self.values[name]
            case ast.Attribute(value=vector, attr=axes):
                return self.evaluate(vector)[[AXES.index(axis) for axis in axes]]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.evaluate(operand)
            case ast.BinOp(left=ast.Call(func=ast.Name(id=name), args=entries), op=ast.Mult(), right=right) if (
                name in MATRICES
            ):
                columns = np.array([self.evaluate(entry).item() for entry in entries], np.float32)
                return np.einsum("io,ihw->ohw", columns.reshape(2 * (MATRICES[name],)), self.evaluate(right))
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in OPERATORS:
                return OPERATORS[type(operation)](self.evaluate(left), self.evaluate(right))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, [self.evaluate(argument) for argument in arguments])
        raise ValueError(f"not in our subset of GLSL: {ast.unparse(node)}")

    def _call(self, name: str, arguments: list[Array]) -> Array:
        if name in self.shader_pass.input_textures:
            return self._read_texture(name, *(argument[0].astype(int) for argument in arguments))
        if name in SIZES:
            size = max((argument.shape[1:] for argument in arguments), key=np.prod)
            parts = arguments * SIZES[name] if len(arguments) == len(arguments[0]) == 1 else arguments
            return np.concatenate([np.broadcast_to(part, (len(part), *size)) for part in parts])
        if name in FUNCTIONS:
            return FUNCTIONS[name](*arguments)
        raise ValueError(f"not in our subset of GLSL: {name}")

    def _read_texture(self, name: str, across: Array, down: Array) -> Array:
        if name in self.tables:
            return self.tables[name][:, down, across]
        texture, scale = self.textures[name], self.shader_pass.divisor / self.divisors[name]
        rows = (np.arange(self.size[0])[:, None] * scale).astype(int) + down
        columns = (np.arange(self.size[1])[None] * scale).astype(int) + across
        height, width = texture.shape[1:]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        values = texture[:, rows.clip(0, height - 1), columns.clip(0, width - 1)]
        return values if self.shader_pass.repeats_border else values * inside
