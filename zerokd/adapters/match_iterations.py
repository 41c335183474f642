"""Conversion of curve maps between iteration counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import attrs
import torch
from torch import Tensor

from zerokd import Adapter, Signal

MIN_CURVE_VALUE = -1.0  # the lower bound of a curve map


def match_iterations(curve_map: Tensor, source_iterations: int, target_iterations: int) -> Tensor:
    """Convert a curve map, so that it brightens dark pixels equally in ``target_iterations``.

    Args:
        curve_map: any shape, in [-1, 1].
        source_iterations: iterations of ``curve_map``.
        target_iterations: iterations of the result.

    Returns:
        the same shape, in [-1, 1); equal to ``curve_map`` where both counts are.
    """
    if source_iterations == target_iterations:
        return curve_map
    step = (1 - curve_map).clamp(min=torch.finfo(curve_map.dtype).eps)
    return (1 - step ** (source_iterations / target_iterations)).clamp(min=MIN_CURVE_VALUE)


@final
class MatchIterations(Adapter):
    r"""Converts all curve maps to the iteration count of the first port, the student's.

    For a dark pixel $x + a(x^2 - x) \approx (1 - a)x$, so that $n$ iterations multiply it by $(1 - a)^n$. Equal
    brightness means $(1 - s)^{n_s} = (1 - t)^{n_t}$:

    Formula: $s = \max(-1,\; 1 - (1 - t)^{n_t / n_s})$.
    Source: this project's; the documented system compares the maps of a student with 4 iterations and a teacher with 8
    unconverted, so that its map term wants half of the brightening that its image term wants.
    Pitfalls: exact for dark pixels only. A teacher's step above 2 in the student's count cannot be reached and is
    clamped to -1, with no gradient there.

    Example:
        >>> adapter = MatchIterations()
        >>> described = adapter.describe({"student": Signal(iterations=4), "teacher": Signal(iterations=8)})
        >>> adapter({"student": torch.tensor([-0.44]), "teacher": torch.tensor([-0.2])})["teacher"]
        tensor([-0.4400])
    """

    example = ("student.curve_map", "teacher.curve_map")
    is_per_port = True

    def __init__(self, **options: object):
        super().__init__(**options)
        self._iterations_by_port: dict[str, int] = {}

    def describe(self, signals: Mapping[str, Signal]) -> dict[str, Signal]:
        counts = {port: signal.iterations for port, signal in signals.items()}
        others = [port for port, count in counts.items() if count is None]
        if others:
            raise ValueError(
                f"match_iterations needs curve maps, and {', '.join(others)} is not one; bind a curve_map to it"
            )
        self._iterations_by_port = {port: count for port, count in counts.items() if count is not None}
        target = next(iter(self._iterations_by_port.values()))
        return {port: attrs.evolve(signal, iterations=target) for port, signal in signals.items()}

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not self._iterations_by_port:
            raise RuntimeError("describe() has to tell match_iterations the iteration counts before forward()")
        target = next(iter(self._iterations_by_port.values()))
        return {
            port: match_iterations(tensor, self._iterations_by_port[port], target) for port, tensor in tensors.items()
        }
