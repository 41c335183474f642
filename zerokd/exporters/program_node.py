"""One operation of a program."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

Operand = str | float


@frozen(eq=False)
class Node:
    """The operation ``op`` on whole images; ``inputs`` are names of nodes, or numbers. ``conv`` has ``weight``
    (outputs, inputs, k, k), k 1 or 3, zero padding that keeps the size, and ``bias``; it is depthwise with one input
    channel and ``groups`` is above 1. ``strength`` multiplies by the user's strength and clamps to [-1, 1].

    Programs of :mod:`zerokd.exporters.pixel_program` alone have more: ``slice`` from ``channel`` on; bilinear
    ``resize`` to the size of the second input; ``conv`` with ``stride``, ``dilation`` and, if ``repeats_border``,
    ``padding`` by the border's pixels to each side, 0 to 2.
    """

    name: str
    op: str
    inputs: tuple[Operand, ...]
    channels: int
    weight: np.ndarray = field(factory=lambda: np.zeros(0))
    bias: np.ndarray = field(factory=lambda: np.zeros(0))
    groups: int = 1
    stride: int = 1
    dilation: int = 1
    padding: int = 0
    repeats_border: bool = False
    channel: int = 0

    @property
    def kernel_radius(self) -> int:
        """How many pixels to each side it reads."""
        return self.weight.shape[-1] // 2 if self.op == "conv" else 0

    @property
    def source_names(self) -> tuple[str, ...]:
        return tuple(operand for operand in self.inputs if isinstance(operand, str))
