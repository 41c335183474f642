"""ncnn's layers for a traced program: a text of layers, and the weights in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from attrs import define, field

from zerokd.exporters.program_node import Node
from zerokd.exporters.traced_program import TracedProgram

MAGIC = 7767517  # the first line of the text
LOW, ENHANCED = "low", "enhanced"
FLOAT32 = b"\0\0\0\0"  # the tag before weights of a convolution
UNARY = {
    "relu": ("ReLU", ""),
    "tanh": ("TanH", ""),
    "sigmoid": ("Sigmoid", ""),
    "neg": ("UnaryOp", "0=1"),
    "exp": ("UnaryOp", "0=7"),
    "log": ("UnaryOp", "0=8"),
    "strength": ("Clip", "0=-1.0 1=1.0"),  # the trained strength; a number without a point is an integer to ncnn
}
BINARY = {"add": 0, "sub": 1, "mul": 2, "div": 3, "maximum": 4, "minimum": 5}
REVERSED_SUBTRACTION = 7
BILINEAR_LIKE_SECOND = "0=2 5=1"


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
    nodes = list(program.nodes.values())
    names = {node.name: node.name for node in nodes if node.op == "input"}
    names |= {program.low: LOW, program.enhanced: ENHANCED}
    network = _Network(Counter(_rename(names, source) for node in nodes for source in node.source_names))
    for node in nodes:
        _add_node(network, node, lambda source: _rename(names, source))
    text = "\n".join([str(MAGIC), f"{len(network.lines)} {network.blobs}", *network.lines, ""])
    return text, b"".join(network.weights)


def _rename(names: dict[str, str], name: str) -> str:
    return names.get(name, f"value_{name}")


def _add_node(network: _Network, node: Node, rename: Callable[[str], str]) -> None:
    name, sources = rename(node.name), [rename(source) for source in node.source_names]
    if node.op in ("low", "input"):
        network.add("Input", name, [])
    elif node.op == "conv":
        _add_convolution(network, node, name, sources)
    elif node.op == "cat":
        network.add("Concat", name, sources, "0=0")
    elif node.op == "slice":
        network.add("Crop", name, sources, _select_channels(node.channel, node.channel + node.channels))
    elif node.op == "resize":
        network.add("Interp", name, sources, BILINEAR_LIKE_SECOND)
    elif node.op in UNARY:
        kind, options = UNARY[node.op]
        network.add(kind, name, sources, options)
    else:
        network.add("BinaryOp", name, sources, _binary_options(node))


def _add_convolution(network: _Network, node: Node, name: str, sources: list[str]) -> None:
    side = node.weight.shape[-1]
    if node.padding:
        amount, padded = node.padding, f"{name}_padded"
        network.readers[padded] = 1
        network.add("Padding", padded, sources, f"0={amount} 1={amount} 2={amount} 3={amount} 4=1")
        sources = [padded]
    zeros = 0 if node.repeats_border else side // 2
    options = f"0={node.channels} 1={side} 2={node.dilation} 3={node.stride} 4={zeros} 5=1 6={node.weight.size}"
    is_depthwise = node.groups > 1
    kind = "ConvolutionDepthWise" if is_depthwise else "Convolution"
    network.add(kind, name, sources, options + (f" 7={node.groups}" if is_depthwise else ""))
    network.weights += [FLOAT32, node.weight.astype("<f4").tobytes(), node.bias.astype("<f4").tobytes()]


def _select_channels(first: int, end: int) -> str:
    """Of Crop: the starts, ends and axes of what remains."""
    return f"-23309=1,{first} -23310=1,{end} -23311=1,0"


def _binary_options(node: Node) -> str:
    numbers = [operand for operand in node.inputs if isinstance(operand, float)]
    is_reversed = node.op == "sub" and isinstance(node.inputs[0], float)
    code = REVERSED_SUBTRACTION if is_reversed else BINARY[node.op]
    return f"0={code}" + (f" 1=1 2={np.float32(numbers[0]):.9e}" if numbers else "")
