"""C for a program: one pass over the image, row by row, through buffers of a few rows that stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from string import Template

import numpy as np
from attrs import field, frozen

from zerokd.exporters.program import Node, Program

BUFFER = 32 << 10  # bytes of rows that a first-level cache holds
NARROWEST, WIDEST = 32, 512  # columns of a strip
FUSED = 8  # channels up to which a value stays in registers; a wider one gets rows of its own
FORMULAS = {
    "relu": "{0} > 0.0f ? {0} : 0.0f",
    "tanh": "${{name}}_tanh({0})",
    "sigmoid": "0.5f + 0.5f*${{name}}_tanh(0.5f*{0})",
    "neg": "-{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0}*{1}",
    "strength": "${{name}}_clamp({0}*strength, -1.0f, 1.0f)",
}
ROW = """\
        { /* $node */
            const int y = row + $lag;
            if (y >= first - $lag && y < last + $lag) {
                float (*const to)[STRIDE] = ${node}_rows[SLOT(y, $depth)];
                const int lo = MAX(left - $lag, 0) - origin, hi = MIN(right + $lag, width) - origin;
                if (y < 0 || y >= height) {
                    memset(to, 0, sizeof ${node}_rows[0]);
                } else {
$body
                    EDGES(to, $channels);
                }
            }
        }
"""
INDENT = " " * 20


@frozen
class Kept:
    """A value whose rows are kept: ``depth`` of them, computed ``lag`` rows ahead of the output."""

    node: Node
    lag: int
    depth: int


def header(program: Program, name: str, about: str) -> str:
    """A header of C99; ``name`` prefixes everything in it, ``about`` stands in its first comment."""
    kept = _rows(program)
    low, result = kept[program.low], kept[program.enhanced]
    floats = sum(one.depth * one.node.channels for one in kept.values())
    width = max(NARROWEST, min(WIDEST, BUFFER // (4 * floats) // 16 * 16))
    facts = {
        "about": about.replace("*/", "* /"),
        "lag": low.lag,
        "width": width,
        "kilobytes": -(-4 * floats * (width + 2 * low.lag + 2) // 1024),
        "low": low.node.name,
        "depth": low.depth,
        "result": result.node.name,
        "buffers": "\n".join(
            f"    float {one.node.name}_rows[{one.depth}][{one.node.channels}][STRIDE];" for one in kept.values()
        ),
        "rows": "\n".join(_row(program, kept, one) for one in kept.values() if one is not low),
    }
    text = files("zerokd.exporters").joinpath("c_header.txt").read_text(encoding="utf-8")
    return Template(Template(text).safe_substitute(facts)).substitute(name=name, NAME=name.upper())


def _rows(program: Program) -> dict[str, Kept]:
    """Kept are the input, the result, what a 3x3 reads, and what is too wide for registers."""
    names = {program.low, program.enhanced}
    for node in program.nodes.values():
        names |= set(node.sources) if node.reach else set()
        names |= {node.name} if node.channels > FUSED else set()
    for node in reversed(list(program.nodes.values())):
        if node.name in names and node.op == "cat":
            names |= set(node.sources)
    lags = program.reaches()
    oldest = dict(lags)
    for node in program.nodes.values():
        for source in _parts(program, node):
            oldest[source] = min(oldest[source], lags[node.name] - node.reach)
    found = [node for node in program.nodes.values() if node.name in names and node.op != "cat"]
    return {node.name: Kept(node, lags[node.name], lags[node.name] - oldest[node.name] + 1) for node in found}


def _parts(program: Program, node: Node) -> Iterator[str]:
    """What a node reads, through concatenations too."""
    for source in node.sources:
        one = program.nodes[source]
        yield from _parts(program, one) if one.op == "cat" else (source,)


def _row(program: Program, kept: Mapping[str, Kept], one: Kept) -> str:
    """The statements that compute a row of a kept value, a few channels at a time."""
    channels = one.node.channels
    parts = [range(start, min(channels, start + FUSED)) for start in range(0, channels, FUSED)]
    body = "\n".join(Loop(program, kept, one.lag).text(one.node, part) for part in parts)
    facts = {"node": one.node.name, "lag": one.lag, "depth": one.depth, "channels": channels, "body": body}
    return Template(ROW).safe_substitute(facts)


@frozen(eq=False)
class Loop:
    """One loop over the columns of a row, ``lag`` rows ahead of the output; what it needs is declared as it is met."""

    program: Program
    kept: Mapping[str, Kept]
    lag: int
    pointers: dict[str, str] = field(factory=dict)
    values: dict[str, str] = field(factory=dict)

    def text(self, node: Node, channels: range) -> str:
        stores = [f"to[{channel}][x] = {self._value(node, channel)};" for channel in channels]
        before = [f"const float *const {pointer} = {place};" for pointer, place in self.pointers.items()]
        inside = [f"const float {name} = {value};" for name, value in self.values.items()] + stores
        lines = ["{", *(f"    {one}" for one in before), "    for (int x = lo; x < hi; x++) {"]
        lines += [*(f"        {one}" for one in inside), "    }", "}"]
        return "\n".join(INDENT + line for line in lines)

    def _value(self, node: Node, channel: int) -> str:
        name = f"{node.name}_{channel}"
        if name not in self.values:
            value = " + ".join(self._products(node, channel)) if node.op == "conv" else self._pointwise(node, channel)
            self.values[name] = value
        return name

    def _products(self, node: Node, channel: int) -> Iterator[str]:
        yield number(node.bias[channel])
        for place, source in enumerate([channel] if node.groups > 1 else range(node.weight.shape[1])):
            for (i, j), weight in np.ndenumerate(node.weight[channel][place]):
                yield f"{number(weight)}*{self._read(node.inputs[0], source, i - node.reach, j - node.reach)}"

    def _pointwise(self, node: Node, channel: int) -> str:
        return FORMULAS[node.op].format(*(self._read(one, channel) for one in node.inputs))

    def _read(self, given: str | float, channel: int, down: int = 0, right: int = 0) -> str:
        """A channel of a value, from its kept row or as computed in this loop."""
        if isinstance(given, float):
            return number(given)
        node, channel = _resolve(self.program, given, channel)
        if node.name not in self.kept:
            return self._value(node, channel)
        pointer = f"{node.name}_{channel}_at_{self.lag + down + self.kept[node.name].lag}"
        depth, ahead = self.kept[node.name].depth, self.lag + down
        self.pointers[pointer] = f"{node.name}_rows[SLOT(row + {ahead}, {depth})][{channel}]"
        return f"{pointer}[x{right:+d}]" if right else f"{pointer}[x]"


def _resolve(program: Program, source: str, channel: int) -> tuple[Node, int]:
    """The node, and its channel, that a channel of a concatenation is."""
    node = program.nodes[source]
    if node.op != "cat":
        return node, channel
    for part in node.sources:
        if channel < program.nodes[part].channels:
            return _resolve(program, part, channel)
        channel -= program.nodes[part].channels
    raise IndexError(channel)


def number(value: float) -> str:
    """A float32 as C and GLSL write it, to the last bit."""
    text = f"{np.float32(value):.9g}"
    return f"{text if set(text) & set('.en') else text + '.0'}f"
