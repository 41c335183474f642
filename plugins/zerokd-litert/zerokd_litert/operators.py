"""LiteRT's operators for a traced program, in channels-last order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zerokd.exporters.program_node import Node, Operand
from zerokd.exporters.traced_program import TracedProgram
from zerokd_litert.graph import Graph

CHANNEL_AXIS = 3
BORDER = [[0, 0], [1, 1], [1, 1], [0, 0]]  # pixels before and after, along each axis


def build_flatbuffer(program: TracedProgram, metadata: Mapping[str, str]) -> bytes:
    """The content of the file; ``metadata`` has a ``description``, and JSON that is stored as ``zerokd``.

    Raises:
        ImportError: ai-edge-litert is not installed.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = Graph(schema)
    graph.add_buffer(b"")  # number 0 is that of tensors without data
    names = {program.low: "low", program.enhanced: "enhanced"}
    tensors: dict[str, int] = {}
    for node in program.nodes.values():
        name = names.get(node.name, node.name)
        tensors[node.name] = graph.add_state(name) if node.op == "input" else graph.add_image(name, node.channels)
        if node.op not in ("low", "input"):
            _add_node(graph, node, tensors)
    inputs = [tensors[node.name] for node in program.nodes.values() if node.op in ("low", "input")]
    return graph.assemble(inputs, [tensors[program.enhanced]], metadata)


def _add_node(graph: Graph, node: Node, tensors: Mapping[str, int]) -> None:
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


def _add_convolution(graph: Graph, node: Node, source: int, output: int) -> None:
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


def _find_operand(graph: Graph, node: Node, operand: Operand, tensors: Mapping[str, int]) -> int:
    if isinstance(operand, float):
        return graph.add_constant(f"{node.name}_number", np.full(1, operand))
    return tensors[operand]
