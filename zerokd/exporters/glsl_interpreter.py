"""An interpreter of shader passes on arrays, which checks the very text that a graphics card gets."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from zerokd.exporters.glsl_code import CHANNELS_PER_TEXTURE, ShaderPass

OPERATORS: Mapping[type, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}


def run_passes(shader_passes: Iterable[ShaderPass], low: np.ndarray, input_name: str, strength: float) -> np.ndarray:
    """The result of the last pass, (3, H, W), for an image (3, H, W), float32; ``input_name`` is its texture."""
    alpha = np.ones((1, *low.shape[1:]), np.float32)
    textures = {input_name: np.concatenate([low, alpha])}
    result = textures[input_name]
    for shader_pass in shader_passes:
        values: dict[str, np.ndarray] = {"strength": np.float32(strength).reshape(1, 1, 1)}
        for statement in shader_pass.statements:
            name, _, expression = statement.removeprefix("vec4 ").removesuffix(";").partition(" = ")
            values[name] = _evaluate_expression(ast.parse(expression, mode="eval").body, values, textures)
        result = _evaluate_expression(ast.parse(shader_pass.result, mode="eval").body, values, textures)
        textures[shader_pass.output_texture] = np.broadcast_to(result, (CHANNELS_PER_TEXTURE, *low.shape[1:]))
    return result[:3]


def _evaluate_expression(
    node: ast.expr, values: Mapping[str, np.ndarray], textures: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Evaluate an expression in the grammar that GLSL and Python share."""

    def evaluate(child: ast.expr) -> np.ndarray:
        return _evaluate_expression(child, values, textures)

    match node:
        case ast.Constant(value=int() | float() as value):
            return np.float32(value).reshape(1, 1, 1)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -evaluate(operand)
        case ast.BinOp(left=ast.Call(func=ast.Name(id="mat4"), args=arguments), op=ast.Mult(), right=right):
            entries = np.array([evaluate(entry).item() for entry in arguments], np.float32)
            columns = entries.reshape(CHANNELS_PER_TEXTURE, CHANNELS_PER_TEXTURE)
            return np.einsum("io,ihw->ohw", columns, evaluate(right))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return evaluate(left) * evaluate(right)
        case ast.BinOp(left=left, op=operation, right=right):
            return OPERATORS[type(operation)](evaluate(left), evaluate(right))
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in textures:
            across, down = (int(evaluate(argument).item()) for argument in arguments)
            return _shift_texture(textures[name], down, across)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call_function(name, [evaluate(argument) for argument in arguments])
    raise ValueError(f"not in our subset of GLSL: {ast.unparse(node)}")


def _call_function(name: str, arguments: list[np.ndarray]) -> np.ndarray:
    if name == "vec4":
        parts = arguments * CHANNELS_PER_TEXTURE if len(arguments) == 1 else arguments
        return np.concatenate([np.broadcast_to(part, (1, *part.shape[1:])) for part in parts])
    if name == "clamp":
        return np.minimum(np.maximum(arguments[0], arguments[1]), arguments[2])
    if name == "max":
        return np.maximum(*arguments)
    if name == "tanh":
        return np.tanh(arguments[0])
    raise ValueError(f"not in our subset of GLSL: {name}")


def _shift_texture(texture: np.ndarray, down: int, right: int) -> np.ndarray:
    radius = max(abs(down), abs(right))
    padded = np.pad(texture, ((0, 0), (radius, radius), (radius, radius)))
    height, width = texture.shape[1:]
    return padded[:, radius + down : radius + down + height, radius + right : radius + right + width]
