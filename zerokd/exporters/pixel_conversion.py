"""Torch's operations on images of even sides, and on what was measured on the whole image, as nodes of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from attrs import define, evolve, field
from torch import Tensor

from zerokd.exporters.program_node import Node, Operand
from zerokd.exporters.traced_program import UntraceableError

POINTWISE = frozenset(("relu", "sigmoid", "neg", "exp", "log", "add", "sub", "mul", "div", "maximum", "minimum"))


@define(eq=False)
class Conversion:
    """The program so far, and what each of torch's nodes is: a node of the program, or a constant.

    Methods named after torch's operations convert them; their arguments are torch's.
    """

    nodes: dict[str, Node]
    values: dict[str, Any] = field(factory=dict)
    half: Node | None = None  # the first of half size

    def convert(self, fx_node: Any) -> Node | Tensor:
        """The node of the program that computes what torch's node does, or the constant that it is.

        Raises:
            UntraceableError: there is no such operation.
        """
        arguments = [self._look_up(argument) for argument in fx_node.args]
        flat = [part for argument in arguments for part in (argument if isinstance(argument, list) else [argument])]
        if not any(isinstance(part, Node) for part in flat):
            constant: Tensor = fx_node.target(*arguments, **fx_node.kwargs)
            return constant
        operation = str(fx_node.target).removeprefix("aten.").partition(".")[0]
        if operation in POINTWISE:
            return self._add(fx_node.name, operation, *arguments)
        if operation not in CONVERTERS:
            raise UntraceableError(f"it uses {operation}")
        return CONVERTERS[operation](self, fx_node.name, *arguments)

    def find_needed(self, result: str, inputs: Iterable[str]) -> dict[str, Node]:
        """The inputs, and the nodes that the result depends on."""
        needed = {result, *inputs}
        for node in reversed(list(self.nodes.values())):
            if node.name in needed:
                needed.update(node.source_names)
        return {name: node for name, node in self.nodes.items() if name in needed}

    def _look_up(self, argument: Any) -> Any:
        if isinstance(argument, list | tuple):
            return [self._look_up(part) for part in argument]
        return self.values[argument.name] if isinstance(argument, torch.fx.Node) else argument

    def _add(self, name: str, op: str, *inputs: Any, channels: int | None = None, **weights: Any) -> Node:
        operands: list[Operand] = [part.name if isinstance(part, Node) else float(part) for part in inputs]
        count = channels or max(part.channels for part in inputs if isinstance(part, Node))
        self.nodes[name] = Node(name, op, tuple(operands), count, **weights)
        return self.nodes[name]

    def pad(self, name: str, image: Node, amounts: Sequence[int], mode: str) -> Node:
        """A convolution does it; the sides of its images are even, and need no :func:`pad_to_even`."""
        return image if list(amounts) == [0, 1, 0, 1] else evolve(image, padding=amounts[0])

    def slice(self, name: str, image: Node, axis: int, first: int, last: int) -> Node:
        if axis != 1:
            return image
        last = min(last, image.channels)
        return self._add(name, "slice", image, channels=last - first, channel=first)

    def select(self, name: str, image: Node, axis: int, index: int) -> Node:
        return self.slice(name, image, axis, index, index + 1)

    def clamp(self, name: str, image: Node, least: float, most: float | None = None) -> Node:
        above = self._add(f"{name}_least", "maximum", image, least)
        return above if most is None else self._add(name, "minimum", above, most)

    def amax(self, name: str, image: Node, axes: Sequence[int], keeps_axis: bool) -> Node:
        first, *others = (self.slice(f"{name}_{k}", image, 1, k, k + 1) for k in range(image.channels))
        for k, other in enumerate(others):
            first = self._add(f"{name}_of_{k + 2}", "maximum", first, other)
        return first

    def cat(self, name: str, images: Sequence[Node], axis: int) -> Node:
        return self._add(name, "cat", *images, channels=sum(image.channels for image in images))

    def square(self, name: str, image: Node) -> Node:
        return self._add(name, "mul", image, image)

    def log2(self, name: str, image: Node) -> Node:
        return self._add(name, "mul", self._add(f"{name}_natural", "log", image), float(np.log2(np.e)))

    def rsub(self, name: str, image: Node, number: float) -> Node:
        return self._add(name, "sub", number, image)

    def ones_like(self, name: str, image: Node) -> Node:
        return self._add(name, "add", self._add(f"{name}_zero", "mul", image, 0.0), 1.0)

    def avg_pool2d(self, name: str, image: Node, kernel: Sequence[int]) -> Node:
        weight = torch.full((image.channels, 1, 2, 2), 0.25)
        return self.conv2d(name, image, weight, None, kernel, groups=image.channels)

    def conv2d(
        self,
        name: str,
        image: Node,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Sequence[int] = (1, 1),
        padding: Sequence[int] = (0, 0),
        dilation: Sequence[int] = (1, 1),
        groups: int = 1,
    ) -> Node:
        values = (bias if bias is not None else torch.zeros(len(weight))).numpy()
        added = self._add(
            name,
            "conv",
            image,
            channels=len(weight),
            weight=weight.contiguous().numpy(),
            bias=values,
            groups=groups,
            stride=stride[0],
            dilation=dilation[0],
            padding=image.padding,
            repeats_border=True,
        )
        self.half = self.half or (added if stride[0] == 2 else None)
        return evolve(added, padding=0)

    def upsample_bilinear2d(
        self, name: str, image: Node, size: Sequence[int] | None, aligns_corners: bool, factors: Any = None
    ) -> Node:
        """To twice the size, or from zones to half the size of the image."""
        like = self.half if size else self.nodes["low"]
        assert like is not None
        return self._add(name, "resize", image, like, channels=image.channels)


def _keep(conversion: Conversion, name: str, image: Node, *_: Any) -> Node:
    return image


CONVERTERS: Mapping[str, Callable[..., Node]] = {
    "amax": Conversion.amax,
    "avg_pool2d": Conversion.avg_pool2d,
    "cat": Conversion.cat,
    "clamp": Conversion.clamp,
    "conv2d": Conversion.conv2d,
    "log2": Conversion.log2,
    "ones_like": Conversion.ones_like,
    "pad": Conversion.pad,
    "rsub": Conversion.rsub,
    "select": Conversion.select,
    "slice": Conversion.slice,
    "square": Conversion.square,
    "stack": Conversion.cat,
    "upsample_bilinear2d": Conversion.upsample_bilinear2d,
    "alias": _keep,
    "unsqueeze": _keep,
}
