"""C code for a traced program: one pass over the image by rows, through buffers that fit into the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Template

import numpy as np
from attrs import define, field, frozen

from zerokd.exporters.c_text import fill_header, format_float32
from zerokd.exporters.program_node import Node
from zerokd.exporters.traced_program import TracedProgram

CACHE_BYTES = 32 << 10  # of a first-level cache
MIN_STRIP_WIDTH, MAX_STRIP_WIDTH = 32, 512  # columns
MAX_REGISTER_CHANNELS = 8  # a value with more channels is stored in rows
C_FORMULAS = {
    "relu": "{0} > 0.0f ? {0} : 0.0f",
    "tanh": "${{name}}_tanh({0})",
    "sigmoid": "0.5f + 0.5f*${{name}}_tanh(0.5f*{0})",
    "neg": "-{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0}*{1}",
    "strength": "${{name}}_clamp({0}*strength, -1.0f, 1.0f)",
}
ROW_TEMPLATE = """\
        { /* $node */
            const int64_t y = row + $lag;
            if (y >= first - $lag && y < last + $lag) {
                float (*const to)[${NAME}_STRIDE] = ${node}_rows[${NAME}_SLOT(y, $depth)];
                const int lo = (int)(${NAME}_MAX(left - $lag, 0) - origin);
                const int hi = (int)(${NAME}_MIN(right + $lag, width) - origin);
                if (y < 0 || y >= height) {
                    memset(to, 0, sizeof ${node}_rows[0]);
                } else {
$body
                    ${NAME}_EDGES(to, $channels);
                }
            }
        }
"""
INDENT = " " * 20


@frozen
class RowBuffer:
    """The buffer of a value: ``depth`` rows, computed ``lag`` rows ahead of the output."""

    node: Node
    lag: int
    depth: int


def generate_header(program: TracedProgram, name: str, description: str) -> str:
    """A C99 header; ``name`` prefixes everything in it, ``description`` goes into its first comment."""
    buffers = _plan_row_buffers(program)
    low, result = buffers[program.low], buffers[program.enhanced]
    floats = sum(buffer.depth * buffer.node.channels for buffer in buffers.values())
    width = max(MIN_STRIP_WIDTH, min(MAX_STRIP_WIDTH, CACHE_BYTES // (4 * floats) // 16 * 16))
    substitutions = {
        "about": description.replace("*/", "* /"),
        "lag": low.lag,
        "width": width,
        "kilobytes": 1 + -(-4 * (floats * (width + 2 * low.lag + 2) + 3 * width) // 1024),  # 1 for all but buffers
        "low": low.node.name,
        "depth": low.depth,
        "result": result.node.name,
        "buffers": "\n".join(
            f"    float {buffer.node.name}_rows[{buffer.depth}][{buffer.node.channels}][${{NAME}}_STRIDE];"
            for buffer in buffers.values()
        ),
        "rows": "\n".join(_generate_row(program, buffers, buffer) for buffer in buffers.values() if buffer is not low),
    }
    return fill_header("c_header.txt", substitutions, name)


def _plan_row_buffers(program: TracedProgram) -> dict[str, RowBuffer]:
    """Buffers for the input, the result, what a 3x3 convolution reads, and values too wide for registers."""
    names = {program.low, program.enhanced}
    for node in program.nodes.values():
        names |= set(node.source_names) if node.kernel_radius else set()
        names |= {node.name} if node.channels > MAX_REGISTER_CHANNELS else set()
    for node in reversed(list(program.nodes.values())):
        if node.name in names and node.op == "cat":
            names |= set(node.source_names)
    lags = program.receptive_radii()
    oldest = dict(lags)
    for node in program.nodes.values():
        for source in _expand_sources(program, node):
            oldest[source] = min(oldest[source], lags[node.name] - node.kernel_radius)
    buffered = [node for node in program.nodes.values() if node.name in names and node.op != "cat"]
    return {node.name: RowBuffer(node, lags[node.name], lags[node.name] - oldest[node.name] + 1) for node in buffered}


def _expand_sources(program: TracedProgram, node: Node) -> Iterator[str]:
    """The values that a node reads, through concatenations."""
    for source in node.source_names:
        node = program.nodes[source]
        yield from _expand_sources(program, node) if node.op == "cat" else (source,)


def _generate_row(program: TracedProgram, row_buffers: Mapping[str, RowBuffer], buffer: RowBuffer) -> str:
    """The statements that compute a row of a buffer, a few channels at a time."""
    channels = buffer.node.channels
    parts = [
        range(start, min(channels, start + MAX_REGISTER_CHANNELS))
        for start in range(0, channels, MAX_REGISTER_CHANNELS)
    ]
    body = "\n".join(ColumnLoop(program, row_buffers, buffer.lag).generate(buffer.node, part) for part in parts)
    return Template(ROW_TEMPLATE).safe_substitute(
        node=buffer.node.name, lag=buffer.lag, depth=buffer.depth, channels=channels, body=body
    )


@define(eq=False)
class ColumnLoop:
    """A loop over the columns of a row, ``lag`` rows ahead of the output; it declares values as it needs them."""

    program: TracedProgram
    row_buffers: Mapping[str, RowBuffer]
    lag: int
    pointers: dict[str, str] = field(factory=dict)
    values: dict[str, str] = field(factory=dict)

    def generate(self, node: Node, channels: range) -> str:
        stores = [f"to[{channel}][x] = {self._declare_value(node, channel)};" for channel in channels]
        declarations = [f"const float *const {pointer} = {place};" for pointer, place in self.pointers.items()]
        statements = [f"const float {name} = {value};" for name, value in self.values.items()] + stores
        lines = ["{", *(f"    {line}" for line in declarations), "    for (int x = lo; x < hi; x++) {"]
        lines += [*(f"        {line}" for line in statements), "    }", "}"]
        return "\n".join(INDENT + line for line in lines)

    def _declare_value(self, node: Node, channel: int) -> str:
        name = f"{node.name}_{channel}"
        if name not in self.values:
            terms = self._convolution_products if node.op == "conv" else self._pointwise_expression
            self.values[name] = " + ".join(terms(node, channel))
        return name

    def _convolution_products(self, node: Node, channel: int) -> Iterator[str]:
        yield format_float32(node.bias[channel])
        radius = node.kernel_radius
        for index, source in enumerate([channel] if node.groups > 1 else range(node.weight.shape[1])):
            for (i, j), weight in np.ndenumerate(node.weight[channel][index]):
                yield f"{format_float32(weight)}*{self._read_channel(node.inputs[0], source, i - radius, j - radius)}"

    def _pointwise_expression(self, node: Node, channel: int) -> Iterator[str]:
        yield C_FORMULAS[node.op].format(*(self._read_channel(operand, channel) for operand in node.inputs))

    def _read_channel(self, operand: str | float, channel: int, down: int = 0, right: int = 0) -> str:
        """A channel of a value, from its buffer or as computed in this loop."""
        if isinstance(operand, float):
            return format_float32(operand)
        node, channel = _resolve_channel(self.program, operand, channel)
        if node.name not in self.row_buffers:
            return self._declare_value(node, channel)
        pointer = f"{node.name}_{channel}_at_{self.lag + down + self.row_buffers[node.name].lag}"
        depth, ahead = self.row_buffers[node.name].depth, self.lag + down
        self.pointers[pointer] = f"{node.name}_rows[${{NAME}}_SLOT(row + {ahead}, {depth})][{channel}]"
        return f"{pointer}[x{right:+d}]" if right else f"{pointer}[x]"


def _resolve_channel(program: TracedProgram, source: str, channel: int) -> tuple[Node, int]:
    """The node and channel behind a channel of a concatenation."""
    node = program.nodes[source]
    if node.op != "cat":
        return node, channel
    for part in node.source_names:
        if channel < program.nodes[part].channels:
            return _resolve_channel(program, part, channel)
        channel -= program.nodes[part].channels
    raise IndexError(channel)
