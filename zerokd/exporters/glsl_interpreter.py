"""Runs the statements of shader passes on arrays: what is checked is the text that a graphics card will get."""

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
    """The result of the last pass, (3, H, W), for an image (3, H, W), float32, that is called ``first``."""
    alpha = np.ones((1, *low.shape[1:]), np.float32)
    textures = {input_name: np.concatenate([low, alpha])}
    made = textures[input_name]
    for shader_shader_pass in shader_passes:
        values: dict[str, np.ndarray] = {"strength": np.float32(strength).reshape(1, 1, 1)}
        for line in shader_shader_pass.statements:
            name, _, text = line.removeprefix("vec4 ").removesuffix(";").partition(" = ")
            values[name] = _evaluate_expression(ast.parse(text, mode="eval").body, values, textures)
        made = _evaluate_expression(ast.parse(shader_shader_pass.result, mode="eval").body, values, textures)
        textures[shader_shader_pass.output_texture] = np.broadcast_to(made, (CHANNELS_PER_TEXTURE, *low.shape[1:]))
    return made[:3]


def _evaluate_expression(
    node: ast.expr, values: Mapping[str, np.ndarray], textures: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Of what a GLSL expression and a Python expression have in common; the grammar is the same for both."""

    def of(one: ast.expr) -> np.ndarray:
        return _evaluate_expression(one, values, textures)

    match node:
        case ast.Constant(value=int() | float() as value):
            return np.float32(value).reshape(1, 1, 1)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.BinOp(left=ast.Call(func=ast.Name(id="mat4"), args=entries), op=ast.Mult(), right=right):
            columns = np.array([of(entry).item() for entry in entries], np.float32).reshape(
                CHANNELS_PER_TEXTURE, CHANNELS_PER_TEXTURE
            )
            return np.einsum("io,ihw->ohw", columns, of(right))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return of(left) * of(right)
        case ast.BinOp(left=left, op=kind, right=right):
            return OPERATORS[type(kind)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=given) if name in textures:
            across, down = (int(of(one).item()) for one in given)
            return _shift_texture(textures[name], down, across)
        case ast.Call(func=ast.Name(id=name), args=given):
            return _call_function(name, [of(one) for one in given])
    raise ValueError(f"no GLSL of ours: {ast.unparse(node)}")


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
    raise ValueError(f"no GLSL function of ours: {name}")


def _shift_texture(texture: np.ndarray, down: int, right: int) -> np.ndarray:
    reach = max(abs(down), abs(right))
    padded = np.pad(texture, ((0, 0), (reach, reach), (reach, reach)))
    height, width = texture.shape[1:]
    return padded[:, reach + down : reach + down + height, reach + right : reach + right + width]
