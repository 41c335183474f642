"""Runs the statements of shader passes on arrays: what is checked is the text that a graphics card will get."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from zerokd.exporters.glsl_code import LANES, Pass

OPERATORS: Mapping[type, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}


def run_passes(order: Iterable[Pass], low: np.ndarray, first: str, strength: float) -> np.ndarray:
    """The result of the last pass, (3, H, W), for an image (3, H, W), float32, that is called ``first``."""
    alpha = np.ones((1, *low.shape[1:]), np.float32)
    textures = {first: np.concatenate([low, alpha])}
    made = textures[first]
    for one in order:
        values: dict[str, np.ndarray] = {"strength": np.float32(strength).reshape(1, 1, 1)}
        for line in one.lines:
            name, _, text = line.removeprefix("vec4 ").removesuffix(";").partition(" = ")
            values[name] = _evaluate(ast.parse(text, mode="eval").body, values, textures)
        made = _evaluate(ast.parse(one.result, mode="eval").body, values, textures)
        textures[one.saves] = np.broadcast_to(made, (LANES, *low.shape[1:]))
    return made[:3]


def _evaluate(node: ast.expr, values: Mapping[str, np.ndarray], textures: Mapping[str, np.ndarray]) -> np.ndarray:
    """Of what a GLSL expression and a Python expression have in common; the grammar is the same for both."""

    def of(one: ast.expr) -> np.ndarray:
        return _evaluate(one, values, textures)

    match node:
        case ast.Constant(value=int() | float() as value):
            return np.float32(value).reshape(1, 1, 1)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.BinOp(left=ast.Call(func=ast.Name(id="mat4"), args=entries), op=ast.Mult(), right=right):
            columns = np.array([of(one).item() for one in entries], np.float32).reshape(LANES, LANES)
            return np.einsum("io,ihw->ohw", columns, of(right))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return of(left) * of(right)
        case ast.BinOp(left=left, op=kind, right=right):
            return OPERATORS[type(kind)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=given) if name in textures:
            across, down = (int(of(one).item()) for one in given)
            return _shifted(textures[name], down, across)
        case ast.Call(func=ast.Name(id=name), args=given):
            return _call(name, [of(one) for one in given])
    raise ValueError(f"no GLSL of ours: {ast.unparse(node)}")


def _call(name: str, given: list[np.ndarray]) -> np.ndarray:
    if name == "vec4":
        parts = given * LANES if len(given) == 1 else given
        return np.concatenate([np.broadcast_to(one, (1, *one.shape[1:])) for one in parts])
    if name == "clamp":
        return np.minimum(np.maximum(given[0], given[1]), given[2])
    if name == "max":
        return np.maximum(*given)
    if name == "tanh":
        return np.tanh(given[0])
    raise ValueError(f"no GLSL function of ours: {name}")


def _shifted(texture: np.ndarray, down: int, right: int) -> np.ndarray:
    reach = max(abs(down), abs(right))
    padded = np.pad(texture, ((0, 0), (reach, reach), (reach, reach)))
    height, width = texture.shape[1:]
    return padded[:, reach + down : reach + down + height, reach + right : reach + right + width]
