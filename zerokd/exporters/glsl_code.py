"""GLSL for a program: passes over the image, four channels a texture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import field, frozen

from zerokd.exporters.c_code import number
from zerokd.exporters.program import Node, Program, UntraceableError

LANES = 4  # channels of a texture
MOST = 16  # textures that a pass can read, in WebGL 2 and everywhere else
SATURATED = "9.0"  # from here on tanh is 1 in float32; some drivers give NaN far beyond
FORMULAS = {
    "relu": "max({0}, vec4(0.0))",
    "tanh": f"tanh(clamp({{0}}, vec4(-{SATURATED}), vec4({SATURATED})))",
    "sigmoid": f"vec4(0.5) + 0.5 * tanh(clamp(0.5 * {{0}}, vec4(-{SATURATED}), vec4({SATURATED})))",
    "neg": "-{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "strength": "clamp({0} * strength, vec4(-1.0), vec4(1.0))",
}


@frozen
class Pass:
    """Computes texture ``saves`` from the textures in ``reads``.

    ``lines`` are declarations ``vec4 name = expression;`` and ``result`` is an expression. A texture is read as
    ``name(x, y)``, x and y pixels away; beyond the image lie zeros.
    """

    saves: str
    reads: tuple[str, ...]
    lines: tuple[str, ...]
    result: str


def passes(program: Program) -> tuple[Pass, ...]:
    """The passes in order; the first texture is the input (``low_0`` by its node's name), the last one the result.

    Raises:
        UntraceableError: it concatenates within a texture, or a pass reads too many.
    """
    names = {program.enhanced} | {one for node in program.nodes.values() if node.reach for one in node.sources}
    for node in program.nodes.values():
        if node.op == "cat" and any(program.nodes[one].channels % LANES for one in node.sources[:-1]):
            raise UntraceableError(f"it concatenates tensors whose channels are no multiple of {LANES}")
    kept = {program.low} | {part for name in names for part in _parts(program, name)}
    found = []
    for name, node in program.nodes.items():
        if name in kept and name != program.low:
            found += [_pass(program, kept, node, group) for group in range(_groups(node))]
    return tuple(found)


def _parts(program: Program, name: str) -> Iterator[str]:
    node = program.nodes[name]
    if node.op != "cat":
        yield name
    else:
        for one in node.sources:
            yield from _parts(program, one)


def _groups(node: Node) -> int:
    return -(-node.channels // LANES)


def _pass(program: Program, kept: set[str], node: Node, group: int) -> Pass:
    writer = Shader(program, kept - {node.name})
    result = writer.value(node, group)
    if len(writer.reads) > MOST:
        raise UntraceableError(f"a pass of it reads {len(writer.reads)} textures; {MOST} are possible")
    return Pass(f"{node.name}_{group}", tuple(writer.reads), tuple(writer.lines), result)


@frozen(eq=False)
class Shader:
    """The statements of one pass; values are declared as they are met."""

    program: Program
    kept: set[str]
    reads: dict[str, None] = field(factory=dict)
    lines: list[str] = field(factory=list)
    known: dict[tuple[str, int], str] = field(factory=dict)

    def value(self, node: Node, group: int) -> str:
        """A name for four channels of a node."""
        if (node.name, group) not in self.known:
            text = " + ".join(self._products(node, group)) if node.op == "conv" else self._pointwise(node, group)
            self.known[node.name, group] = f"v{len(self.known)}"
            self.lines.append(f"vec4 {self.known[node.name, group]} = {text};")
        return self.known[node.name, group]

    def _products(self, node: Node, group: int) -> Iterator[str]:
        yield _vector(node.bias[group * LANES :][:LANES])
        source = str(node.inputs[0])
        if node.groups > 1:
            kernel = node.weight[group * LANES :][:LANES, 0]
            for i, j in np.ndindex(kernel.shape[1:]):
                yield f"{_vector(kernel[:, i, j])} * {self._read(source, group, i - node.reach, j - node.reach)}"
            return
        rows = node.weight[group * LANES :][:LANES]
        for number_of in range(-(-rows.shape[1] // LANES)):
            block = rows[:, number_of * LANES :][:, :LANES]
            for i, j in np.ndindex(block.shape[2:]):
                read = self._read(source, number_of, i - node.reach, j - node.reach)
                yield f"{_matrix(block[:, :, i, j])} * {read}"

    def _pointwise(self, node: Node, group: int) -> str:
        given = [self._read(one, group) if isinstance(one, str) else number(one)[:-1] for one in node.inputs]
        return FORMULAS[node.op].format(*given)

    def _read(self, source: str, group: int, down: int = 0, right: int = 0) -> str:
        node = self.program.nodes[source]
        while node.op == "cat":
            for part in node.sources:
                node = self.program.nodes[part]
                if group < _groups(node):
                    break
                group -= _groups(node)
        if node.name not in self.kept:
            return self.value(node, group)
        self.reads[f"{node.name}_{group}"] = None
        return f"{node.name}_{group}({right}, {down})"


def _vector(values: np.ndarray) -> str:
    return f"vec4({', '.join(number(one)[:-1] for one in _padded(values, (LANES,)))})"


def _matrix(values: np.ndarray) -> str:
    """Of (outputs, inputs); GLSL writes matrices column by column."""
    return f"mat4({', '.join(number(one)[:-1] for one in _padded(values, (LANES, LANES)).T.ravel())})"


def _padded(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.pad(values, [(0, full - had) for full, had in zip(shape, values.shape, strict=True)])
