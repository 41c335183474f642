"""Layers of Core ML for the nodes of a program; each layer is named after its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zerokd.exporters.program_node import Node
from zerokd.exporters.traced_program import UntraceableError
from zerokd.models.brightness_map import MAP_SIDE

LOW = "low"
HEIGHT_AXIS, WIDTH_AXIS = 2, 3
ACTIVATIONS = {"relu": "RELU", "tanh": "TANH", "sigmoid": "SIGMOID"}
UNARY = ("exp", "log")
BROADCASTABLE = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "maximum": "max",
    "minimum": "min",
}
CELLS = "cells"  # the constant 0, 1, ... 63


def add_layer(builder: Any, node: Node, rename: Callable[[str], str]) -> None:
    """Add the layers that compute a node's image (N, C, H, W); ``rename`` gives the name of each node's result.

    Raises:
        UntraceableError: a number is divided by an image.
    """
    name, sources = rename(node.name), [rename(source) for source in node.source_names]
    numbers = [operand for operand in node.inputs if isinstance(operand, float)]
    if node.op == "conv":
        _add_convolution(builder, node, sources[0], name)
    elif node.op == "resize" and sources[1] == LOW:
        builder.add_upsample(name, 2, 2, sources[0], name, "BILINEAR", "ALIGN_CORNERS_FALSE")
    elif node.op == "resize":
        _add_map_resize(builder, sources[0], sources[1], name)
    elif node.op in ACTIVATIONS:
        builder.add_activation(name, ACTIVATIONS[node.op], sources[0], name)
    elif node.op in UNARY:
        builder.add_unary(name, sources[0], name, node.op)
    elif node.op == "strength":  # at the trained strength
        builder.add_clip(name, sources[0], name, -1.0, 1.0)
    elif node.op == "cat":
        builder.add_concat_nd(name, sources, name, axis=1)
    elif node.op == "slice":
        builder.add_slice(name, sources[0], name, "channel", node.channel, node.channel + node.channels)
    elif node.op == "maximum" and numbers:
        builder.add_unary(name, sources[0], name, "threshold", alpha=numbers[0])
    elif node.op == "minimum" and numbers:  # min(x, c) = -max(-x, -c)
        builder.add_unary(f"{name}_negative", sources[0], f"{name}_negative", "threshold", -numbers[0], scale=-1.0)
        builder.add_activation(name, "LINEAR", f"{name}_negative", name, [-1.0, 0.0])
    elif node.op == "neg" or numbers:
        builder.add_activation(name, "LINEAR", sources[0], name, _find_line(node, *numbers))
    else:
        getattr(builder, f"add_{BROADCASTABLE[node.op]}_broadcastable")(name, sources, name)


def _find_line(node: Node, number: float = 0.0) -> list[float]:
    """Slope and offset of an operation with a number."""
    is_reversed = isinstance(node.inputs[0], float)
    if node.op == "div" and is_reversed:
        raise UntraceableError("it divides a number by an image")
    if node.op == "mul":
        return [number, 0.0]
    if node.op == "div":
        return [1 / number, 0.0]
    if node.op == "add":
        return [1.0, number]
    if node.op == "neg" or is_reversed:
        return [-1.0, number]
    return [1.0, -number]


def _add_convolution(builder: Any, node: Node, source: str, name: str) -> None:
    outputs, inputs, height, width = node.weight.shape
    if node.padding:
        sides = dict.fromkeys(("left", "right", "top", "bottom"), node.padding)
        padded = f"{name}_padded"
        builder.add_padding(padded, **sides, input_name=source, output_name=padded, padding_type="replication")
        source = padded
    builder.add_convolution(
        name,
        kernel_channels=inputs,
        output_channels=outputs,
        height=height,
        width=width,
        stride_height=node.stride,
        stride_width=node.stride,
        border_mode="valid" if node.repeats_border else "same",
        groups=node.groups,
        W=node.weight.transpose(2, 3, 1, 0),
        b=node.bias,
        has_bias=True,
        input_name=source,
        output_name=name,
        dilation_factors=[node.dilation, node.dilation],
    )


def _add_map_resize(builder: Any, source: str, like: str, name: str) -> None:
    """From (N, 1, 64, 64) to the height and width of ``like``: rows @ map @ columns transposed.

    Core ML's own layers resize to a size, or by a factor, that is known when the file is written.
    """
    rows, columns = (_add_cell_weights(builder, like, axis) for axis in (HEIGHT_AXIS, WIDTH_AXIS))
    builder.add_batched_mat_mul(f"{name}_rows", [rows, source], f"{name}_rows")
    builder.add_batched_mat_mul(name, [f"{name}_rows", columns], name, transpose_b=True)


def _add_cell_weights(builder: Any, like: str, axis: int) -> str:
    """The name of the weights (1, 1, n, 64) of a map's cells for the n pixels of an image along an axis.

    A pixel's weights fall linearly with the distance of its centre, among the cells, from theirs. Maps share them.
    """

    def label(step: str) -> str:
        return f"{like}_axis{axis}_{step}"

    weights = label("weights")
    if weights in builder.layer_specs:
        return weights
    if CELLS not in builder.layer_specs:
        builder.add_load_constant_nd(CELLS, CELLS, np.arange(MAP_SIDE, dtype=np.float32), [1, 1, 1, MAP_SIDE])
    builder.add_get_shape(label("shape"), like, label("shape"))
    builder.add_slice(label("count"), label("shape"), label("count"), "width", axis, axis + 1)
    builder.add_range_dynamic(label("range"), [label("count")], label("range"))
    builder.add_expand_dims(label("pixels"), label("range"), label("pixels"), [0, 1, 3])
    builder.add_activation(label("centres"), "LINEAR", label("pixels"), label("centres"), [1.0, 0.5])
    builder.add_divide_broadcastable(label("shares"), [label("centres"), label("count")], label("shares"))
    line = [float(MAP_SIDE), -0.5]  # after the division: 16 bits would not hold 64 times as much
    builder.add_activation(label("places"), "LINEAR", label("shares"), label("places"), line)
    builder.add_clip(label("clamped"), label("places"), label("clamped"), 0.0, MAP_SIDE - 1.0)
    builder.add_subtract_broadcastable(label("offsets"), [label("clamped"), CELLS], label("offsets"))
    builder.add_unary(label("distances"), label("offsets"), label("distances"), "abs")
    builder.add_activation(label("nearness"), "LINEAR", label("distances"), label("nearness"), [-1.0, 1.0])
    builder.add_activation(weights, "RELU", label("nearness"), weights)
    return weights
