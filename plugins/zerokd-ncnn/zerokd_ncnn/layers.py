"""ncnn's layers for a traced program: a text of layers, and the weights in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from attrs import define, field

from zerokd.exporters.traced_program import Node, TracedProgram

MAGIC = 7767517  # the first line of the text
LOW, ENHANCED = "low", "enhanced"
FLOAT32 = b"\0\0\0\0"  # the tag before weights of a convolution
UNARY = {"relu": "ReLU", "tanh": "TanH", "sigmoid": "Sigmoid", "neg": "UnaryOp", "strength": "Clip"}
UNARY_OPTIONS = {
    "neg": "0=1",
    "strength": "0=-1.0 1=1.0",
}  # the trained strength; a number without a point is an integer to ncnn
BINARY = {"add": 0, "sub": 1, "mul": 2}
REVERSED_SUBTRACTION = 7


@define(eq=False)
class _Network:
    """The lines of layers so far; a value that several layers read is split into a blob for each."""

    readers: Counter[str]
    lines: list[str] = field(factory=list)
    weights: list[bytes] = field(factory=list)
    blobs: int = 0
    copies: dict[str, Iterator[str]] = field(factory=dict)

    def add(self, kind: str, name: str, sources: list[str], options: str = "") -> None:
        bottoms = [next(self.copies[source]) for source in sources]
        self._append(kind, name, bottoms, [name], options)
        count = self.readers[name]
        copies = [f"{name}_copy{index}" for index in range(count)] if count > 1 else [name]
        if count > 1:
            self._append("Split", f"{name}_split", [name], copies, "")
        self.copies[name] = iter(copies)

    def _append(self, kind: str, name: str, bottoms: list[str], tops: list[str], options: str) -> None:
        parts = [kind, name, str(len(bottoms)), str(len(tops)), *bottoms, *tops, options]
        self.lines.append(" ".join(parts).rstrip())
        self.blobs += len(tops)


def generate_network(program: TracedProgram) -> tuple[str, bytes]:
    """The content of both files."""
    names = {program.low: LOW, program.enhanced: ENHANCED}
    nodes = list(program.nodes.values())
    network = _Network(Counter(_rename(names, source) for node in nodes for source in node.source_names))
    network.add("Input", LOW, [])
    for node in nodes[1:]:
        _add_node(network, node, lambda source: _rename(names, source))
    text = "\n".join([str(MAGIC), f"{len(network.lines)} {network.blobs}", *network.lines, ""])
    return text, b"".join(network.weights)


def _rename(names: dict[str, str], name: str) -> str:
    return names.get(name, f"value_{name}")


def _add_node(network: _Network, node: Node, rename: Callable[[str], str]) -> None:
    name, sources = rename(node.name), [rename(source) for source in node.source_names]
    if node.op == "conv":
        kind = "ConvolutionDepthWise" if node.groups > 1 else "Convolution"
        side = node.weight.shape[-1]
        options = f"0={node.channels} 1={side} 4={side // 2} 5=1 6={node.weight.size}"
        network.add(kind, name, sources, options + (f" 7={node.groups}" if node.groups > 1 else ""))
        network.weights += [FLOAT32, node.weight.astype("<f4").tobytes(), node.bias.astype("<f4").tobytes()]
    elif node.op == "cat":
        network.add("Concat", name, sources, "0=0")
    elif node.op in UNARY:
        network.add(UNARY[node.op], name, sources, UNARY_OPTIONS.get(node.op, ""))
    else:
        network.add("BinaryOp", name, sources, _binary_options(node))


def _binary_options(node: Node) -> str:
    numbers = [operand for operand in node.inputs if isinstance(operand, float)]
    is_reversed = node.op == "sub" and isinstance(node.inputs[0], float)
    code = REVERSED_SUBTRACTION if is_reversed else BINARY[node.op]
    return f"0={code}" + (f" 1=1 2={np.float32(numbers[0]):.9e}" if numbers else "")
