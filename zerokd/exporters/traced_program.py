"""A model as a program of few operations, from which the exporters generate code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from attrs import evolve, frozen

from zerokd import Model
from zerokd.exporters.program_node import Node, Operand

TRACE_SIDE = 16  # of the image with which a model is traced; no operation may depend on it
ATEN_OPERATIONS = {  # PyTorch's name: ours
    "aten.relu.default": "relu",
    "aten.tanh.default": "tanh",
    "aten.sigmoid.default": "sigmoid",
    "aten.neg.default": "neg",
    "aten.add.Tensor": "add",
    "aten.sub.Tensor": "sub",
    "aten.mul.Tensor": "mul",
    "aten.cat.default": "cat",
}
SCALED_CURVE_MAP = "scaled"  # the curve map after `strength`


class UntraceableError(ValueError):
    """Why a model is not such a program, in a few words."""


@frozen(eq=False)
class TracedProgram:
    """Nodes in an order in which they can be computed; the first is the low-light image.

    ``enhanced`` names the result. If the model applies a curve map, the user's strength scales it
    (``scales_curve_map``); otherwise the program has no strength.
    """

    nodes: Mapping[str, Node]
    enhanced: str
    scales_curve_map: bool

    @property
    def low(self) -> str:
        return next(iter(self.nodes))

    def receptive_radii(self) -> dict[str, int]:
        """By node, how many of its pixels to each side an output pixel depends on."""
        radii = dict.fromkeys(self.nodes, 0)
        for node in reversed(list(self.nodes.values())):
            for source in node.source_names:
                radii[source] = max(radii[source], radii[node.name] + node.kernel_radius)
        return radii


@torch.no_grad()
def trace_model(model: Model) -> TracedProgram:
    """The program of a model in eval mode on the CPU, of 1x1 and 3x3 convolutions and pointwise arithmetic.

    Raises:
        UntraceableError: the model uses another operation, or measures the whole image.
    """
    if model.measure is not None:
        raise UntraceableError("it measures the whole image before it computes pixels")
    try:
        exported = torch.export.export(model, (torch.zeros(1, 3, TRACE_SIDE, TRACE_SIDE),), strict=False)
    except Exception as error:  # torch raises almost anything here
        raise UntraceableError(f"torch cannot trace it: {str(error).splitlines()[0][:160]}") from error
    names = exported.graph_signature.inputs_to_parameters | exported.graph_signature.inputs_to_buffers
    weights = {argument: exported.state_dict[name].numpy() for argument, name in names.items()}
    nodes: dict[str, Node] = {}
    results: list[str] = []
    for node in exported.graph.nodes:
        if node.op == "output":
            results = [str(result) for result in node.args[0]]
        elif node.op == "call_function":
            nodes[node.name] = _check_node(_convert_node(node, weights), nodes)
        elif node.name in exported.graph_signature.user_inputs:
            nodes[node.name] = Node(node.name, "low", (), 3)
    outputs = dict(zip(exported.call_spec.out_spec.context, results, strict=True))
    return _insert_strength(_remove_dead_nodes(nodes, outputs["enhanced"]), outputs, model)


def _convert_node(fx_node: Any, weights: Mapping[str, np.ndarray]) -> Node:
    kind, shape = str(fx_node.target), tuple(getattr(fx_node.meta["val"], "shape", ()))
    if len(shape) != 4:
        raise UntraceableError(f"it uses {_operation_name(kind)}, which does not return an image")
    channels = shape[1]
    if kind == "aten.conv2d.default":
        return _convert_convolution(fx_node, channels, weights)
    if kind not in ATEN_OPERATIONS or fx_node.kwargs:
        raise UntraceableError(f"it uses {_operation_name(kind)}")
    inputs = tuple(fx_node.args[0] if kind == "aten.cat.default" else fx_node.args)
    if kind == "aten.cat.default" and fx_node.args[1:] != (1,):
        raise UntraceableError("it concatenates along another axis than channels")
    return Node(fx_node.name, ATEN_OPERATIONS[kind], tuple(map(_to_operand, inputs)), channels)


def _operation_name(target: str) -> str:
    return target.removeprefix("aten.").split(".")[0]


def _check_node(node: Node, known_nodes: Mapping[str, Node]) -> Node:
    if any(source not in known_nodes for source in node.source_names):
        raise UntraceableError("it uses a weight outside of a convolution")
    if node.op not in ("conv", "cat") and any(
        known_nodes[source].channels != node.channels for source in node.source_names
    ):
        raise UntraceableError("it combines tensors of different channels")
    return node


def _to_operand(value: Any) -> Operand:
    return float(value) if isinstance(value, int | float) else str(value)


def _convert_convolution(fx_node: Any, channels: int, weights: Mapping[str, np.ndarray]) -> Node:
    source, weight = fx_node.args[:2]
    options: list[Any] = list(fx_node.args[2:])
    defaults: list[Any] = [None, [1, 1], [0, 0], [1, 1], 1]
    bias, stride, padding, dilation, groups = options + defaults[len(options) :]
    kernel = weights[str(weight)]
    side = kernel.shape[-1]
    is_dense = list(stride) == [1, 1] and list(dilation) == [1, 1] and kernel.shape[-2] == side and side in (1, 3)
    is_full_or_depthwise = groups == 1 or (groups == channels and kernel.shape[1] == 1)
    if not (is_dense and is_full_or_depthwise and list(padding) == [side // 2, side // 2]):
        raise UntraceableError("it has a convolution that is not 1x1 or 3x3, full or depthwise, with zero padding")
    bias_values = weights[str(bias)] if bias is not None else np.zeros(channels, np.float32)
    return Node(fx_node.name, "conv", (str(source),), channels, kernel, bias_values, groups)


def _remove_dead_nodes(nodes: Mapping[str, Node], result: str) -> dict[str, Node]:
    """The input, and the nodes that the result depends on."""
    needed = {result, next(iter(nodes))}
    for node in reversed(list(nodes.values())):
        if node.name in needed:
            needed.update(node.source_names)
    return {name: node for name, node in nodes.items() if name in needed}


def _insert_strength(nodes: Mapping[str, Node], outputs: Mapping[str, str], model: Model) -> TracedProgram:
    """Make every reader of the curve map read it scaled by the strength."""
    maps = [outputs[name] for name, signal in model.outputs().items() if signal.iterations]
    if not maps or maps[0] not in nodes:
        return TracedProgram(nodes, outputs["enhanced"], False)
    scaled: dict[str, Node] = {}
    for node in nodes.values():
        inputs = tuple(SCALED_CURVE_MAP if operand == maps[0] else operand for operand in node.inputs)
        scaled[node.name] = evolve(node, inputs=inputs)
        if node.name == maps[0]:
            scaled[SCALED_CURVE_MAP] = Node(SCALED_CURVE_MAP, "strength", (node.name,), node.channels)
    return TracedProgram(scaled, outputs["enhanced"], True)
