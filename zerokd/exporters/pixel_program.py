"""The pixels of auto_exposure as a program of few operations: what it measures on the whole image is an input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from attrs import define, evolve, field
from torch import Tensor, nn

from zerokd.exporters.traced_program import Node, Operand, TracedProgram, UntraceableError
from zerokd.models.auto_exposure import AutoExposure
from zerokd.models.brightness_map import MAP_SIDE
from zerokd.models.exposure_state import ExposureState, measure_exposure_state
from zerokd.models.pyramid import pad_to_even

STATE_SIZES = {"state": (8, 1, 1), "slope": (1, MAP_SIDE, MAP_SIDE), "offset": (1, MAP_SIDE, MAP_SIDE)}
SIDE = 32  # of the image with which a model is traced: neither it nor its half is MAP_SIDE
POINTWISE = frozenset(("relu", "sigmoid", "neg", "exp", "log", "add", "sub", "mul", "div", "maximum", "minimum"))


class _Pixels(nn.Module):
    """The model's ``render`` of whole images of even sides, with the state as tensors (N, C, H, W)."""

    def __init__(self, model: AutoExposure):
        super().__init__()
        self.model = model

    def forward(self, low: Tensor, state: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
        noise, (noisy, strength, lift, median) = state[:, :4, 0, 0], (state[:, k, 0, 0] for k in range(4, 8))
        measured = ExposureState(noise, noisy, strength, lift, median, slope, offset)
        return self.model.render(low, measured, (0, 0, low.shape[2], low.shape[3]))


def measure_state(low: np.ndarray, exposure: float) -> dict[str, np.ndarray]:
    """The inputs of the program for an image (3, H, W) of any size: ``low`` with even sides, and ``STATE_SIZES``."""
    image = pad_to_even(torch.from_numpy(low)[None])
    measured = measure_exposure_state(image, exposure)
    numbers = torch.cat([measured.noise[0], *(part for part in measured[1:5])])
    maps = {name: getattr(measured, name)[0].numpy() for name in ("slope", "offset")}
    return {"low": image[0].numpy(), "state": numbers[:, None, None].numpy(), **maps}


@torch.no_grad()
def trace_pixels(model: AutoExposure) -> TracedProgram:
    """The program of a model in eval mode on the CPU, for images of even sides.

    Its first nodes are its inputs: ``low``, and the fields of :class:`ExposureState` as the C header's struct has them:
    ``state`` (8, 1, 1), the noise, ``noisy``, ``strength``, ``lift`` and ``median``, then ``slope`` and ``offset``
    (1, 64, 64). Values have the size of ``low``, half of it, or that of an input.
    """
    sizes = {"low": (3, SIDE, SIDE), **STATE_SIZES}
    examples = tuple(torch.zeros(1, *size) for size in sizes.values())
    exported = torch.export.export(_Pixels(model), examples, strict=False)
    signature = exported.graph_signature
    names = signature.inputs_to_parameters | signature.inputs_to_buffers | signature.inputs_to_lifted_tensor_constants
    constants = {**exported.state_dict, **exported.constants}
    inputs = {name: Node(name, "low" if name == "low" else "input", (), size[0]) for name, size in sizes.items()}
    conversion = _Conversion(dict(inputs))
    for fx_node in exported.graph.nodes:
        if fx_node.name in names:
            conversion.values[fx_node.name] = constants[names[fx_node.name]]
        elif fx_node.op == "placeholder":
            conversion.values[fx_node.name] = inputs[fx_node.name]
        elif fx_node.op == "call_function":
            conversion.values[fx_node.name] = conversion.convert(fx_node)
        else:
            (result,) = (conversion.values[node.name].name for node in fx_node.args[0])
    return TracedProgram(conversion.find_needed(result), result, False)


@define(eq=False)
class _Conversion:
    """The program so far, and what each of torch's nodes is: a node of the program, or a constant."""

    nodes: dict[str, Node]
    values: dict[str, Any] = field(factory=dict)
    half: Node | None = None  # the first of half size

    def convert(self, fx_node: Any) -> Node | Tensor:
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

    def find_needed(self, result: str) -> dict[str, Node]:
        """The inputs, and the nodes that the result depends on."""
        needed = {result, "low", *STATE_SIZES}
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


def _keep(conversion: _Conversion, name: str, image: Node, *_: Any) -> Node:
    return image


CONVERTERS: Mapping[str, Callable[..., Node]] = {
    "amax": _Conversion.amax,
    "avg_pool2d": _Conversion.avg_pool2d,
    "cat": _Conversion.cat,
    "clamp": _Conversion.clamp,
    "conv2d": _Conversion.conv2d,
    "log2": _Conversion.log2,
    "ones_like": _Conversion.ones_like,
    "pad": _Conversion.pad,
    "rsub": _Conversion.rsub,
    "select": _Conversion.select,
    "slice": _Conversion.slice,
    "square": _Conversion.square,
    "stack": _Conversion.cat,
    "upsample_bilinear2d": _Conversion.upsample_bilinear2d,
    "alias": _keep,
    "unsqueeze": _keep,
}
